"""Bar 20: the comparison on a cluster is the comparison here, though a worker dies on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from surefoot.surrogates.regressor import SurrogateRegressor

distributed = pytest.importorskip("distributed")

RNG = np.random.default_rng(0)
X = RNG.random((60, 3))
Y = np.sin(4 * X[:, 0]) / (0.4 + X[:, 1]) + 4 + X[:, 2]
FEW: dict[str, Any] = {"candidates": ["gp-se", "gp-matern52", "pce", "pc-kriging"], "cv": 5}


def board(model: SurrogateRegressor) -> pd.DataFrame:
    return model.leaderboard_.drop(columns="cpu_s")


@pytest.mark.filterwarnings("ignore")  # of a worker that dies: Dask's own
def test_a_cluster_that_loses_a_worker_gives_the_same_leaderboard() -> None:
    here = SurrogateRegressor(**FEW).fit(X, Y)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        done = threading.Event()

        def kill_in_the_middle() -> None:
            time.sleep(0.5)
            os.kill(victim, signal.SIGKILL)
            done.set()

        killer = threading.Thread(target=kill_in_the_middle)
        with joblib.parallel_config(backend="dask"):
            killer.start()
            there = SurrogateRegressor(**FEW).fit(X, Y)
        killer.join()
    assert done.is_set()
    pd.testing.assert_frame_equal(board(there), board(here), rtol=1e-12, atol=1e-12)
    assert there.weights_[0] == pytest.approx(here.weights_[0], rel=1e-12)
