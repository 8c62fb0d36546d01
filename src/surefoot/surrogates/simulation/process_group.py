"""Runs a program so that nothing of it is left: not after a time-out, not when we are killed.

The program runs in a process group that is led by a guard, a one-line shell script reading from a
pipe that only this process holds open. When this process dies, however suddenly, the pipe closes
and the guard kills its group. What moves itself to another session, as daemons do, escapes.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_GUARD = ("sh", "-c", "read -r _; kill -9 0")


def run(
    argv: Sequence[str], *, folder: Path, stdout: Path, stderr: Path, timeout: float | None
) -> int:
    """Run `argv` in `folder` and return its exit code, negative if a signal ended it.

    Its standard input is empty. Whatever it started in the background ends with it.

    Raises
    ------
    TimeoutError
        If it takes more than `timeout` seconds; it is ended then.
    OSError
        If there is no such program, or it can't be started.
    """
    with open(stdout, "wb") as out, open(stderr, "wb") as errors, _group() as leader:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            process_group=leader,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            msg = f"took more than {timeout:g} s"
            raise TimeoutError(msg) from error
        finally:
            _kill(leader)
            process.wait()


@contextmanager
def _group() -> Iterator[int]:
    with subprocess.Popen(_GUARD, stdin=subprocess.PIPE, process_group=0) as guard:
        try:
            yield guard.pid
        finally:
            _kill(guard.pid)


def _kill(group: int) -> None:
    # The guard is a member until it is waited for, so the number can't belong to anybody else.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
