"""The worker's half of the work runner: one cell function, called once, with care."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import DataUnavailableError, InputError
from surefoot.ground.files import finite
from surefoot.ground.ledger import Outcome, Status
from surefoot.ground.progress import silenced

if TYPE_CHECKING:
    import numpy as np

# Read by numeric libraries when they are first imported, so set before the function is.
_ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
_REASON_LENGTH = 500
_FRAMES = 6


@dataclass(frozen=True)
class Output:
    """What a cell function returns if it has arrays beside its JSON result.

    Parameters
    ----------
    result : mapping
        JSON values; NaN and infinities become null.
    arrays : mapping of str to ndarray
        Arrays of any numeric or text type, kept in a file of their own.
    """

    result: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class _TimeIsUpError(BaseException):
    """Raised into a cell function; not an Exception, lest the function handles it as its own."""


def resolve(function: str) -> Callable[..., Any]:
    """Return the function named ``"package.module:function"``.

    Raises
    ------
    InputError
        If the name has another form, the module can't be found, or it has no such function.
    """
    module, _, name = function.partition(":")
    if not module or not name or module == "__main__":
        raise InputError("function", function, "'package.module:function', importable in a worker")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise InputError("function", function, f"a module; {error.name!r} is not there") from error
    if not callable(found):
        raise InputError("function", function, f"a function; {module} has no {name!r}")
    return found


def execute(
    function: str, params: Mapping[str, Any], seed: int, timeout_s: float | None = None
) -> Outcome:
    """Call ``function(seed=seed, **params)`` on one thread and tell what it came to.

    Parameters
    ----------
    function : str
        ``"package.module:function"``; it returns a JSON mapping or an `Output`.
    params : mapping
        Its arguments.
    seed : int
        Its seed.
    timeout_s : float, optional
        Wall-clock limit. It holds in the main thread of a process, as in the local pool and the
        serial executor, but not in a Dask worker, and it is noticed between steps of Python: one
        long call into compiled code is not cut short.

    Returns
    -------
    Outcome
        ``ok``; ``timed_out``; ``invalid`` if the function raised `InputError`; ``failed`` for every
        other exception, data that is not there, and a result that is not JSON.
    """
    with silenced(), _environment(_ONE_THREAD):
        try:
            call = resolve(function)
        except Exception as error:  # a module is missing here: the arguments are not at fault
            return _unsuccessful("failed", error)
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = _attempt(call, params, seed, timeout_s)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return replace(outcome, wall_s=wall, cpu_s=cpu)


def _attempt(
    call: Callable[..., Any], params: Mapping[str, Any], seed: int, timeout_s: float | None
) -> Outcome:
    try:
        with _one_thread(), _limited(timeout_s):
            output = _checked(call(seed=seed, **params))
    except _TimeIsUpError as error:
        return replace(_unsuccessful("timed_out", error), reason=f"took more than {timeout_s:g} s")
    except DataUnavailableError as error:  # may be there next time
        return _unsuccessful("failed", error)
    except InputError as error:
        return _unsuccessful("invalid", error)
    except (Exception, SystemExit) as error:
        return _unsuccessful("failed", error)
    return Outcome("ok", output.result, output.arrays)


def _unsuccessful(status: Status, error: BaseException) -> Outcome:
    text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    frames = "".join(traceback.format_exception(error, limit=-_FRAMES))
    return Outcome(status, reason=text[:_REASON_LENGTH], traceback=frames)


def _checked(returned: Any) -> Output:
    output = returned if isinstance(returned, Output) else Output(returned)
    if not isinstance(output.result, Mapping):
        msg = f"a cell function returns a mapping, not {type(output.result).__name__}"
        raise TypeError(msg)
    result = finite(dict(output.result))
    json.dumps(result, allow_nan=False)
    for name, array in output.arrays.items():
        if array.dtype.hasobject:
            msg = f"array {name!r} holds Python objects, which can't be kept without pickle"
            raise TypeError(msg)
    return Output(result, output.arrays)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _one_thread() -> Iterator[None]:
    # With several threads the order of summation, and so the last digit, depends on the machine.
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def time_is_up(signum: int, frame: FrameType | None) -> None:
        raise _TimeIsUpError

    handler, began = signal.signal(signal.SIGALRM, time_is_up), time.monotonic()
    others, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if others:  # somebody else's timer goes on as if this had not been
            rest = max(others - (time.monotonic() - began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)
