"""Test problems with known answers: functions of a few inputs, and what is known of each."""
