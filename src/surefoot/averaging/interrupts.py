"""Keep signals out of the few moments in which weights are neither here nor there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Those whose handlers may raise wherever the program is: Ctrl-C, preemption, time limits.
_SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, n)]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back until the block ends, and have their handlers called then.

    Handlers run in the main thread only, so that in others there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {n: handler for n in _SIGNALS if callable(handler := signal.getsignal(n))}
    came: dict[int, FrameType | None] = {}
    try:
        for number in handlers:
            signal.signal(number, came.__setitem__)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in came.items():
            handlers[number](number, frame)
