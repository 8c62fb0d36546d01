"""What a surrogate is for, and how well it does it: scores against the simulator itself."""
