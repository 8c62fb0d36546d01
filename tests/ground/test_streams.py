from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot import InputError
from surefoot.ground.streams import digest, stream, subseed

names = st.lists(st.one_of(st.text(max_size=8), st.integers()), max_size=4)


@given(st.integers(), names)
def test_a_stream_depends_on_its_names_only(seed: int, parts: list) -> None:
    first = stream(seed, *parts).random(3)
    stream(seed, "something", "else").random(100)
    np.testing.assert_array_equal(first, stream(seed, *parts).random(3))


@given(names, names)
def test_different_names_are_different_streams(a: list, b: list) -> None:
    assert (digest(0, *a) == digest(0, *b)) == (
        [(type(x), x) for x in a] == [(type(x), x) for x in b]
    )


def test_known_values_do_not_change_between_versions() -> None:
    assert subseed(3, "x") == 4935717635630935605
    assert stream(0, "a", 1).random() == 0.17297676242044835


def test_numpy_integers_are_integers() -> None:
    assert digest(np.int64(3), np.int32(1)) == digest(3, 1)


@pytest.mark.parametrize("bad", [1.5, None, True])
def test_names_and_seeds_of_other_types_are_refused(bad: object) -> None:
    with pytest.raises(InputError, match="stream name"):
        stream(0, bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="seed"):
        stream(bad, "a")  # type: ignore[arg-type]


def test_subseeds_are_positive_63_bit() -> None:
    drawn = [subseed(0, i) for i in range(1000)]
    assert min(drawn) >= 0
    assert 2**62 < max(drawn) < 2**63
    assert len(set(drawn)) == 1000
