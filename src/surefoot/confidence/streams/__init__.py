"""Rows larger than memory: where they are kept, how they are mixed, how they are learned from."""
