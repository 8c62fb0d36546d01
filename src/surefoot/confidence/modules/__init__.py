"""Losses of one's own and torch modules: the same chains behind `torch.func`."""
