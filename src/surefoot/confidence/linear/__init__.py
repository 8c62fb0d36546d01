"""Linear equations instead of a loss: stochastic approximation and temporal differences."""
