"""Spaces, simulators, designs, and the study that runs them and loses nothing."""
