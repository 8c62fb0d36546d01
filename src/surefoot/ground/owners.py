"""Who holds a claim, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process, told apart from a later one with the same number by its start time.

    Parameters
    ----------
    host : str
        The machine and, where there are such, the process namespace.
    pid : int
        The process number.
    started : str
        When it started, in the kernel's own count; empty where ``/proc`` does not say.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Owner:
        """Return the calling process."""
        return cls(_host(), os.getpid(), _started(os.getpid()))

    def alive(self) -> bool | None:
        """Return whether the process lives; None if that can't be known from here."""
        if self.host != _host():
            return None
        started = _started(self.pid)
        if self.started and started:
            return self.started == started
        # Without a start time a living number may be another process that was given it since.
        return None if _exists(self.pid) else False


def _host() -> str:
    # Containers may share the machine's name but not its process numbers.
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # proc(5): field 22. Field 2, the program's name, stands in brackets and may hold spaces. A
    # zombie (state Z) has ended and only waits to be noticed.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
