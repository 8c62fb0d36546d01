"""Warnings that point at the line of the caller, however deep in torch they are given."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path

import torch

# Hooks and context managers put frames of these between a warning and the line that caused it.
_BETWEEN = (str(Path(__file__).parent), str(Path(torch.__file__).parent), contextlib.__file__)


def warn(message: str) -> None:
    """Warn of something in the first line outside this room and torch."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, RuntimeWarning, stacklevel=level)
