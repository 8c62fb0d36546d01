"""What people do who aren't sure of the rule, or of what their effort changes."""
