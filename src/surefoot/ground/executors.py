"""Where cells run: this machine's cores, this very process, or a Dask cluster.

Each is a plain `concurrent.futures.Executor`, so anything else that is one will do as well.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from surefoot.ground.errors import InputError, need

P = ParamSpec("P")
T = TypeVar("T")

_ALLOWED = "'local', 'local:N' with N processes, 'serial', or 'dask://host:port'"
_DASK_ANSWERS_S = 10
_DASK_WINDOW = 32  # an adaptive cluster starts empty and grows with what is waiting


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def open_executor(spec: str | Executor) -> Iterator[tuple[Executor, int]]:
    """Open the executor that `spec` names, and close it at the end.

    Parameters
    ----------
    spec : str or Executor
        ``"local"``: a process for each usable core; ``"local:N"``: N processes; ``"serial"``: the
        calling process itself, for debugging; ``"dask://host:port"``: the workers of that Dask
        scheduler, which must be able to import the same modules and should have one thread each,
        as limits on BLAS threads hold for a whole process. An executor is used as it is and left
        open.

    Yields
    ------
    executor : Executor
        Takes submissions.
    window : int
        How many submissions keep it busy. More would only be lost together in a crash.

    Raises
    ------
    InputError
        If `spec` is none of these, or no Dask scheduler answers.
    MissingExtraError
        If Dask is asked for and not installed.
    """
    if isinstance(spec, Executor):
        yield spec, 2 * cores()
    elif spec == "serial":
        yield SerialExecutor(), 1
    elif found := re.fullmatch(r"local(?::([1-9]\d*))?", spec):
        workers = int(found[1] or cores())
        with LocalPool(workers) as pool:
            yield pool, workers  # what waits in the pool would be lost in a crash as well
    elif found := re.fullmatch(r"dask://([^\s/]+:\d+)", spec):
        with _dask(spec, f"tcp://{found[1]}") as (executor, window):
            yield executor, window
    else:
        raise InputError("executor", spec, _ALLOWED)


class SerialExecutor(Executor):
    """Runs each submission at once, in the calling thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn(*args, **kwargs)`` and return the finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class LocalPool(Executor):
    """A pool of fresh processes that outlives its workers and is not outlived by them.

    When a worker dies, the submissions in flight fail with ``BrokenExecutor`` and the next one
    starts a new pool. When this process dies, however suddenly, so do the workers. As a context
    manager it waits for its work, except if the body raises: then the workers are ended at once.

    Parameters
    ----------
    workers : int
        Number of processes; they start as they are needed.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)``; the function must be importable."""
        with _interrupts_held():
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenExecutor:
                self.kill()
                self._start()
                return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when their work is done."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self._let_go()

    def kill(self) -> None:
        """End the workers now, whatever they are doing."""
        self._let_go()
        self._pool.shutdown(cancel_futures=True)

    def __exit__(self, kind: type[BaseException] | None, *details: Any) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def _start(self) -> None:
        # Fresh processes, not forks: a fork inherits locks and thread pools in any state.
        context = multiprocessing.get_context("spawn")
        self._far_end, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self._workers, mp_context=context, initializer=_attach, initargs=(self._far_end,)
        )

    def _let_go(self) -> None:
        self._lifeline.close()
        self._far_end.close()


def _attach(far_end: Connection) -> None:
    """Bind a new worker to the life of its driver, which alone answers to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

    def watch() -> None:
        # Nothing is ever sent: the pipe becomes readable when the driver closes it or dies.
        far_end.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    # A worker inherits the mask, so a Ctrl-C can't strike it before `_attach`; here it only waits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _dask(spec: str, address: str) -> Iterator[tuple[Executor, int]]:
    distributed = need("distributed", "dask")
    try:
        client = distributed.Client(address, timeout=_DASK_ANSWERS_S, set_as_default=False)
    except OSError as error:
        raise InputError("executor", spec, "the address of a running Dask scheduler") from error
    with client:
        # pure=False: two equal calls are two calls. A lost worker's tasks Dask itself runs again.
        executor = client.get_executor(pure=False)
        try:
            yield executor, max(2 * sum(client.nthreads().values()), _DASK_WINDOW)
        finally:
            executor.shutdown(wait=False)
