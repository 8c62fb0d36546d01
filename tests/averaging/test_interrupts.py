"""Ctrl-C waits until weights are where they belong."""

from __future__ import annotations

import signal
import sys
import threading

import pytest
import torch
from tests.averaging.networks import live_vector, mlp, state_vector, train
from tests.averaging.test_swap import assert_same

from surefoot.averaging import EMA, SegmentMeans, WeightAverager
from surefoot.averaging.interrupts import uninterrupted


def test_a_signal_waits_for_the_end_of_the_block() -> None:
    done = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(1)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is handler


def test_what_the_block_raises_is_raised() -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="by itself"):
        with uninterrupted():
            raise ValueError("by itself")
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_threads_have_nothing_to_hold_back() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGINT)]


def interrupted_at(line: int, work: object) -> bool:
    """Press Ctrl-C at the given line of the room in `work`; return whether it ran as many."""
    seen = 0

    def trace(frame: object, event: str, _: object) -> object:
        nonlocal seen
        inside = "surefoot/averaging" in frame.f_code.co_filename.replace("\\", "/")
        if inside and event == "line":
            seen += 1
            if seen == line:
                signal.raise_signal(signal.SIGINT)
        return trace if inside else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return seen >= line


def test_an_interrupt_at_any_line_of_a_block_harms_nothing() -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9)})
    train(model, 3, averager.update)
    raw, live, held = state_vector(model), live_vector(model), averager.state_dict()

    def serve() -> None:
        with averager.applied("e", quiet=True):
            pass

    line = 1
    while interrupted_at(line, serve):
        assert torch.equal(state_vector(model), raw), line
        assert_same(averager.state_dict(), held)
        if averager._swap is None:
            assert torch.equal(live_vector(model), live), line
        else:  # in the few lines before signals are held back; what is asked for is right still
            averager = WeightAverager(model := mlp(), {"e": EMA(0.9)})
            train(model, 3, averager.update)
        line += 3
    assert line > 100


def test_an_interrupt_at_any_line_of_an_update_leaves_a_state_that_can_be_resumed() -> None:
    model = mlp()
    schemes = {"e": EMA(0.9), "s": SegmentMeans(2)}
    averager = WeightAverager(model, schemes)
    line = 1
    while interrupted_at(line, averager.update):
        WeightAverager(model, schemes).load_state_dict(averager.state_dict())
        assert averager.pushes("e") == averager.pushes("s")
        line += 3
    assert line > 30
