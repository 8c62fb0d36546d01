"""The card: what was measured, what was declared, what is missing; and whether it is so."""
