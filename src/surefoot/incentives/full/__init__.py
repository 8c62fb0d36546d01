"""What agents do who know the rule and the graph: exact responses, a population at a time."""
