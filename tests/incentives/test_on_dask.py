from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import ClassifierBelief, GraphBelief, JointBelief
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.on_dask import COLUMNS, respond_blocks
from surefoot.incentives.prepared import Prepared
from surefoot.incentives.rules import LinearRule

da = pytest.importorskip("dask.array")

NAMES = ["a", "b", "age"]
RULE = LinearRule([1.0, 0.5, 0.1], 0.8, NAMES)
GRAPH = CausalGraph.from_dag(["a", "b"], {("a", "b"): 0.5}, sd=0.1)
PEOPLE = pd.DataFrame(np.random.default_rng(4).normal(size=(500, 3)), columns=NAMES)
BELIEF = JointBelief(GraphBelief(), ClassifierBelief(cv=0.1))
AGENTS = Agents(PEOPLE, GRAPH, LpCost(2), BELIEF, budget=3.0, method="calibrated")


@pytest.mark.filterwarnings("ignore")  # of a cluster that closes: Dask's own
def test_blocks_on_a_cluster_do_what_the_whole_does() -> None:
    distributed = pytest.importorskip("distributed")
    whole = AGENTS.best_response(RULE)
    blocks = da.from_array(PEOPLE.to_numpy(), chunks=(137, 3))
    responses = respond_blocks(blocks, NAMES, Prepared.of(AGENTS, RULE))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
    ):
        found = responses.compute()
    assert found.shape == (500, len(COLUMNS) + 2)
    np.testing.assert_allclose(found[:, len(COLUMNS) :], whole.effort, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[:, 0], whole.status)
    np.testing.assert_allclose(found[:, 2], whole.cost, rtol=1e-9)


def test_blocks_must_hold_whole_rows_of_the_named_columns() -> None:
    prepared = Prepared.of(AGENTS, RULE)
    values = PEOPLE.to_numpy()
    with pytest.raises(InputError, match="blocks of whole rows"):
        respond_blocks(da.from_array(values, chunks=(100, 1)), NAMES, prepared)
    with pytest.raises(InputError, match="2 columns, one a name"):
        respond_blocks(da.from_array(values, chunks=(100, 3)), NAMES[:2], prepared)


def test_what_belongs_to_rows_cannot_be_sent_about() -> None:
    agents = Agents(PEOPLE, GRAPH, LpCost(2), budget=np.ones(500))
    with pytest.raises(InputError, match="budget: found one entry an agent"):
        Prepared.of(agents, RULE)
