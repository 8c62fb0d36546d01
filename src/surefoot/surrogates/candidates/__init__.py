"""What may stand in for a simulator: families of probabilistic regressors."""
