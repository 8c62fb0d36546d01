"""Warnings that point at the line of the caller, however deep in the room they are given."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_ROOM = str(Path(__file__).parent)


def warn(message: str, kind: type[Warning] = RuntimeWarning) -> None:
    """Warn of something in the first line outside this room."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_ROOM):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, kind, stacklevel=level)
