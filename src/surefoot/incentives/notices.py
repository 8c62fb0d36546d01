"""What the room warns of."""

from __future__ import annotations


class IncentiveWarning(UserWarning):
    """An answer that hangs on something doubtful in the request; the message says what helps."""
