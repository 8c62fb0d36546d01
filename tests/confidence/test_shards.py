"""Shards: what is added, what is dropped, and whether they belong together."""

from __future__ import annotations

from dataclasses import asdict
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.confidence.synthetic import Stream, engine, stream

from surefoot.confidence.schedule import StepSchedule
from surefoot.confidence.shards import Shard, shard_of
from surefoot.ground.errors import UnmetError

ALL = ("plugin", "random_scaling", "batch_means", "score_bootstrap")
ROWS = stream(16_000, 3)


def shard(rows: Stream, first: int, last: int, **options: Any) -> Shard:
    made = engine(rows, n0=400, **{"n_chains": 50, "batch_size": 8} | options)
    part = slice(first, last)
    made.consume(rows.X[part], rows.y[part], row_ids=np.arange(first, last))
    made.finish()
    return shard_of(made, ["x1", "x2", "x3"], last - first, 0.95)


def numbers(merged: Shard) -> dict[str, Any]:
    """Return everything a shard holds, for comparison."""
    health = asdict(merged.health)
    return {
        **{f"bias.{k}": v for k, v in health.pop("bias").items()},
        **{f"tails.{k}": v for k, v in health.pop("tails").items()},
        **{k: v for k, v in health.items() if not isinstance(v, tuple)},
        **vars(merged.averages),
        **merged.companions,
        "between": merged.between,
        "n_seen": merged.n_seen,
    }


def test_any_tree_of_merges_gives_the_same() -> None:
    cuts = [0, 3000, 5000, 11_000, 16_000]
    a, b, c, d = (shard(ROWS, first, last, companions=ALL) for first, last in pairwise(cuts))
    trees = [
        a.merged(b).merged(c).merged(d), a.merged(b).merged(c.merged(d)),
        d.merged(b.merged(c).merged(a)),
    ]  # fmt: skip
    for name, value in numbers(trees[0]).items():
        for tree in trees[1:]:
            np.testing.assert_allclose(
                numbers(tree)[name], value, rtol=1e-9, atol=1e-12, err_msg=name
            )
    assert trees[0].n_seen == trees[0].averages.n_rows == 16_000
    assert trees[0].health.n_runs == 4


def test_standard_errors_are_those_of_one_run() -> None:
    whole = shard(ROWS, 0, 16_000, n_chains=200, companions=ALL)
    parts = [shard(ROWS, i, i + 4000, n_chains=200, companions=ALL) for i in range(0, 16_000, 4000)]
    merged = reduce(Shard.merged, parts)
    assert set(merged.companions) == {"plugin", "batch_means", "score_bootstrap"}
    np.testing.assert_allclose(merged.averages.spread / whole.averages.spread, 1, atol=0.15)
    np.testing.assert_allclose(
        merged.companions["plugin"] / whole.companions["plugin"], 1, atol=0.1
    )


def test_a_bias_that_all_share_is_not_averaged_away() -> None:
    slow = {"n_chains": 200, "batch_size": 2, "schedule": StepSchedule(0.15)}
    parts = [shard(ROWS, i, i + 1000, **slow) for i in range(0, 16_000, 1000)]
    assert not any(part.health.bias.flagged for part in parts)
    merged = reduce(Shard.merged, parts)
    common = np.mean([part.health.bias.bias for part in parts], axis=0)
    np.testing.assert_allclose(merged.health.bias.bias, common)
    assert merged.health.bias.flagged
    assert "start is not forgotten" in merged.health.of_run()["bias"]


def test_rows_in_random_order_differ_by_chance() -> None:
    chances = []
    for seed in range(10):
        rows = stream(8000, 3, seed)
        parts = [shard(rows, i, i + 2000, n_chains=100, batch_size=4) for i in range(0, 8000, 2000)]
        merged = reduce(Shard.merged, parts)
        chances.append(merged.health.chance)
        assert "apart" not in merged.health.of_run()
    assert min(chances) > 1e-3
    assert np.median(chances) > 0.1


def test_shards_that_differ_are_noticed() -> None:
    late = np.arange(16_000) >= 12_000
    rows = ROWS._replace(y=ROWS.y + 0.5 * late * ROWS.X[:, 0])
    merged = reduce(Shard.merged, [shard(rows, i, i + 4000) for i in range(0, 16_000, 4000)])
    assert merged.health.chance < 1e-4
    assert "unlike those of the others" in merged.health.of_run()["apart"]


def test_the_worse_counts() -> None:
    long, short = shard(ROWS, 0, 4000), shard(ROWS, 4000, 4800)
    merged = long.merged(short)
    assert merged.health.n_short == 1
    assert "1 of 2 merged runs took fewer than 300 steps" in merged.health.of_run()["steps"]
    assert merged.health.drift == max(long.health.drift, short.health.drift)
    assert merged.health.diagnostics["runs merged"] == 2


def test_what_is_not_finite_leaves_no_shard() -> None:
    made = engine(ROWS)
    made.consume(ROWS.X[:64], ROWS.y[:64])
    made._chains.phi[0, 0] = np.nan
    made.consume(ROWS.X[64:128], ROWS.y[64:128])
    with pytest.raises(UnmetError, match="rows in random order"):
        shard_of(made, ["x1", "x2", "x3"], 128, 0.95)
