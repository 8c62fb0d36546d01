"""How a command speaks while it works: warnings as notes, and what to do after Ctrl-C."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from surefoot.ground.errors import InterruptedRunError
from surefoot.ground.progress import say


@contextmanager
def narrated(command: str, *, keeps: bool) -> Iterator[None]:
    """Show warnings as notes, each once, and tell after Ctrl-C how to go on.

    Parameters
    ----------
    command : str
        What to type again.
    keeps : bool
        Whether what had finished is kept, so that the command goes on from there.
    """
    told: set[str] = set()

    def note(message: Warning | str, *_: Any) -> None:
        if str(message) not in told:
            told.add(str(message))
            say(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = note  # type: ignore[assignment]
        try:
            yield
        except KeyboardInterrupt as error:
            kept = "runs that had finished are kept; to go on"
            left = kept if keeps else "nothing was written; to begin again"
            raise InterruptedRunError(f"stopped: {left}: {command}") from error
