"""Candidates that need another library: its own defaults and idioms, so that it can be compared."""
