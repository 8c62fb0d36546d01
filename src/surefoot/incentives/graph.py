"""Causal graphs: what one unit of effort on a node does to that node and to all downstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import stream
from surefoot.incentives import edge_lists, graph_import
from surefoot.incentives.covariances import checked_covariance, root_of
from surefoot.incentives.edge_lists import Edge, Edges, edge_arrays, place_of, variance_of
from surefoot.incentives.edge_moments import contributions, second_moment
from surefoot.incentives.effect_draws import EffectDraws
from surefoot.incentives.graph_fit import EdgeRegressions
from surefoot.incentives.names import named
from surefoot.incentives.tables import columns_of
from surefoot.incentives.topology import some_cycle, topological_order

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CausalGraph:
    """A linear causal graph, known or with uncertain edges. Satisfies `Effects`.

    Effort *shifts* a node: its causes go on acting on it, and everything downstream follows,
    ``x' = x + C'e`` with ``C = diag(units) (I − W)⁻¹``. (An intervention ``do(x_i = …)``, as of
    causal recourse, would cut the node off from its causes.) Uncertain edges are normal; those into
    different nodes are independent, as regressions a node leave them.

    Made by `from_dag`, `from_matrix`, `fit` and the other constructors.

    Attributes
    ----------
    nodes : tuple of str
        The m nodes. Each can be worked on and each is a feature.
    weights : ndarray of shape (m, m)
        W: ``W[i, j]`` is the direct effect on j of one unit of i.
    covariances : ndarray of shape (m, m, m)
        ``covariances[j]`` is the covariance of the edges into j.
    units : ndarray of shape (m,)
        How much of a node one unit of effort on it is.
    regressions : EdgeRegressions or None
        What the edges were learnt from.
    allow_cycles : bool
        Whether there may be feedback. It must die out (spectral radius of W below 1), and its edges
        must be certain: C has no moments under normal edges.

    Examples
    --------
    >>> graph = CausalGraph.from_dag(["weight", "pressure"], {("weight", "pressure"): 0.5})
    >>> graph.contribution().tolist()
    [[1.0, 0.5], [0.0, 1.0]]
    """

    nodes: tuple[str, ...]
    weights: Floats
    covariances: Floats
    units: Floats
    regressions: EdgeRegressions | None = None
    allow_cycles: bool = False
    _order: tuple[int, ...] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        m = len(named("nodes", self.nodes))
        if self.weights.shape != (m, m):
            raise InputError("weights", self.weights.shape, f"a square of {m} nodes")
        if not np.isfinite(self.weights).all():
            i, j = np.argwhere(~np.isfinite(self.weights))[0]
            where = f"weights[{self.nodes[i]!r}, {self.nodes[j]!r}]"
            raise InputError(where, float(self.weights[i, j]), "a finite number")
        for node, unit in zip(self.nodes, self.units, strict=True):
            if not (np.isfinite(unit) and unit > 0):
                raise InputError(f"units[{node!r}]", float(unit), "a number above 0")
        checked = [
            checked_covariance(f"covariances[{node!r}]", covariance)
            for node, covariance in zip(self.nodes, self.covariances, strict=True)
        ]
        object.__setattr__(self, "covariances", np.stack(checked))
        object.__setattr__(self, "_order", topological_order(self._adjacency))
        if self._order is None:
            self._check_feedback()

    def _check_feedback(self) -> None:
        cycle = " -> ".join(self.nodes[i] for i in some_cycle(self._adjacency))
        if not self.allow_cycles:
            raise InputError("edges", f"the cycle {cycle}", "no cycle, or allow_cycles=True")
        if not self.certain:
            allowed = f"certain edges: there is the cycle {cycle}, and C would have no moments"
            raise InputError("sd", "uncertain edges", allowed)
        radius = np.abs(np.linalg.eigvals(self.weights)).max()
        if radius >= 1:
            allowed = f"below 1, so that feedback dies out along cycles such as {cycle}"
            raise InputError("weights", f"spectral radius {radius:.4g}", allowed)

    @classmethod
    def from_dag(
        cls,
        nodes: Sequence[str],
        edges: Edges,
        sd: float | Mapping[Edge, float] | None = None,
        units: Mapping[str, float] | None = None,
    ) -> CausalGraph:
        """Make a graph of edges.

        Parameters
        ----------
        nodes : sequence of str
        edges : mapping of (cause, effect) to weight, or iterable of (cause, effect, weight)
        sd : float or mapping of (cause, effect) to float, optional
            Standard deviations of the weights, one for all or by edge; edges not named are certain.
        units : mapping of node to float, optional
            See `in_units`.
        """
        known = named("nodes", nodes)
        graph = cls(known, *edge_arrays(known, edges, sd), np.ones(len(known)))
        return graph.in_units(units or {})

    @classmethod
    def from_matrix(
        cls, weights: ArrayLike, nodes: Sequence[str], allow_cycles: bool = False
    ) -> CausalGraph:
        """Make a graph of W, shape (m, m): rows are causes, columns effects."""
        known, W = named("nodes", nodes), np.asarray(weights, dtype=float)
        m = len(known)
        return cls(known, W, np.zeros((m, m, m)), np.ones(m), allow_cycles=allow_cycles)

    @classmethod
    def identity(cls, nodes: Sequence[str]) -> CausalGraph:
        """Make a graph without edges: effort moves the node it is spent on."""
        return cls.from_dag(nodes, {})

    @classmethod
    def fit(
        cls,
        data: pd.DataFrame,
        edges: Iterable[Edge],
        exogenous: Sequence[str] = (),
        nodes: Sequence[str] | None = None,
    ) -> CausalGraph:
        """Learn the weights of given edges by least squares, one regression a node.

        Parameters
        ----------
        data : DataFrame of N rows
        edges : iterable of (cause, effect)
        exogenous : sequence of str
            Covariates that every regression adjusts for; nobody can work on them.
        nodes : sequence of str, optional
            By default the ends of the edges, as they come.

        Raises
        ------
        InputError
            A cycle, an unknown name, a column that does not vary or is no number, causes that are
            linearly dependent, or too few rows.
        """
        pairs = list(edges)
        ends = dict.fromkeys(name for edge in pairs for name in edge)
        known = named("nodes", list(ends) if nodes is None else nodes)
        adjacency = np.zeros((len(known),) * 2, dtype=bool)
        for edge in pairs:
            adjacency[place_of(known, edge, "edges")] = True
        cls.from_matrix(adjacency, known)  # a cycle is told before rows are read
        regressions = EdgeRegressions.of(data, known, exogenous, adjacency)
        return cls(known, *regressions.estimate(), np.ones(len(known)), regressions)

    @classmethod
    def from_networkx(cls, graph: Any, weight: str = "weight", sd: str = "sd") -> CausalGraph:
        """Make a graph of a ``networkx.DiGraph``; `weight` and `sd` are attributes of its edges."""
        return cls.from_dag(*graph_import.from_networkx(graph, weight, sd))

    @classmethod
    def from_semopy(cls, model: Any) -> CausalGraph:
        """Make a graph of the regressions in a fitted ``semopy.Model``, with standard errors."""
        return cls.from_dag(*graph_import.from_semopy(model))

    @classmethod
    def from_dowhy(cls, model: Any) -> CausalGraph:
        """Make a graph of a fitted causal model of ``dowhy.gcm`` with linear mechanisms."""
        return cls.from_dag(*graph_import.from_dowhy(model))

    @classmethod
    def from_lingam(cls, model: Any, nodes: Sequence[str]) -> CausalGraph:
        """Make a graph of a fitted lingam model, or of its ``adjacency_matrix_``."""
        return cls.from_matrix(graph_import.from_lingam(model, nodes), nodes)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The nodes."""
        return self.nodes

    @property
    def features(self) -> tuple[str, ...]:
        """The nodes."""
        return self.nodes

    @property
    def certain(self) -> bool:
        """Whether every edge is known."""
        return not np.any(self.covariances)

    @property
    def edges(self) -> dict[Edge, float]:
        """Weight of each edge (cause, effect), by cause."""
        return {
            (self.nodes[i], self.nodes[j]): float(self.weights[i, j])
            for i, j in np.argwhere(self._adjacency)
        }

    def contribution(self) -> Floats:
        """Return the mean of C, shape (m, m): what a unit of each effort adds to each node.

        Without cycles this is C at the mean edges, exactly.
        """
        return self.units[:, None] * self._contributions(self.weights)

    def second_moment(self, M: Floats) -> Floats:
        """Return ``E[C M C']``, shape (m, m), exactly; see `surefoot.incentives.edge_moments`."""
        if self._order is None:
            C = self.contribution()
            return C @ M @ C.T
        moment = second_moment(M, self.weights, self.covariances, self._order)
        return moment * np.outer(self.units, self.units)

    def draws(self, n: int, generator: np.random.Generator) -> Floats:
        """Return C at `n` draws of normal edges, shape (n, m, m)."""
        return self.units[:, None] * self._contributions(self._edge_draws(n, generator))

    def bootstrap(self, n: int, seed: int = 0) -> EffectDraws:
        """Return C of graphs learnt from `n` resamples of the rows of `data`.

        Edges set by `with_prior` are drawn from their normal distributions.

        Raises
        ------
        InputError
            The graph was not made by `fit`.
        """
        if self.regressions is None:
            raise InputError("graph", "not learnt from data here", "a fitted one; or use draws()")
        if n < 1:
            raise InputError("n", n, "at least 1 resample")
        generator = stream(seed, "bootstrap of a graph")
        resampled = self.regressions.bootstrap(n, generator)
        weights = np.where(self.regressions.kept, resampled, self._edge_draws(n, generator))
        drawn = self.units[:, None] * self._contributions(weights)
        return EffectDraws(drawn, self.nodes, self.nodes)

    def with_prior(self, edge: Edge, mean: float, sd: float = 0.0) -> CausalGraph:
        """Return the graph with an edge set from outside, by a trial for instance.

        The new weight *overrides* the old: they are not combined, and no other edge changes. An
        edge that the graph lacks is added.

        Parameters
        ----------
        edge : (cause, effect)
        mean, sd : float
            In the units of the two features, as every weight.
        """
        i, j = place_of(self.nodes, edge, "edge")
        weights, covariances = self.weights.copy(), self.covariances.copy()
        weights[i, j] = mean
        covariances[j, i, :] = covariances[j, :, i] = 0.0
        covariances[j, i, i] = variance_of("sd", sd)
        behind = self.regressions.without(i, j) if self.regressions else None
        return replace(self, weights=weights, covariances=covariances, regressions=behind)

    def in_units(self, units: Mapping[str, float]) -> CausalGraph:
        """Return the graph with other units of effort; nodes not named keep theirs.

        ``{"smoking": 10.0}`` makes ten cigarettes a day one unit of effort on smoking.
        """
        changed = self.units.copy()
        for node, unit in units.items():
            one_of("units", node, self.nodes)
            changed[self.nodes.index(node)] = unit
        return replace(self, units=changed)

    def in_sd(self, data: pd.DataFrame) -> CausalGraph:
        """Return the graph with a standard deviation of each node in `data` as unit of effort."""
        spread = columns_of(data, self.nodes, "data").std(axis=0)
        return self.in_units(dict(zip(self.nodes, spread, strict=True)))

    def rescaled(self, scale: Mapping[str, float]) -> CausalGraph:
        """Return the same graph for features divided by `scale`, as a scaler divides them.

        Units are divided too, so that one unit of effort stays what it was in the world.
        """
        s = np.ones(len(self.nodes))
        for node, divisor in scale.items():
            one_of("scale", node, self.nodes)
            if not (np.isfinite(divisor) and divisor > 0):
                raise InputError(f"scale[{node!r}]", divisor, "a number above 0")
            s[self.nodes.index(node)] = divisor
        return replace(
            self,
            weights=self.weights * s[:, None] / s,
            covariances=self.covariances * np.outer(s, s) / s[:, None, None] ** 2,
            units=self.units / s,
            regressions=self.regressions.rescaled(s) if self.regressions else None,
        )

    def without_edges(self) -> CausalGraph:
        """Return the graph as someone sees it who is blind to causes: same units, no edges."""
        return replace(CausalGraph.identity(self.nodes), units=self.units)

    def to_frame(self) -> pd.DataFrame:
        """Return the edges as a table: cause, effect, weight, sd."""
        table = pd.DataFrame(list(self.edges), columns=["cause", "effect"], dtype=object)
        i, j = np.nonzero(self._adjacency)
        return table.assign(weight=self.weights[i, j], sd=np.sqrt(self.covariances[j, i, i]))

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as JSON can hold it, less the rows it was learnt from."""
        parts = edge_lists.to_dict(self.nodes, self.weights, self.covariances, self._adjacency)
        return {**parts, "units": self.units.tolist(), "allow_cycles": self.allow_cycles}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> CausalGraph:
        """Make the graph that `to_dict` wrote."""
        nodes, weights, covariances = edge_lists.from_dict(given)
        units = np.asarray(given.get("units", np.ones(len(nodes))), dtype=float)
        if units.shape != (len(nodes),):
            raise InputError("units", units.shape, f"one number for each of {len(nodes)} nodes")
        cycles = bool(given.get("allow_cycles", False))
        return cls(named("nodes", nodes), weights, covariances, units, allow_cycles=cycles)

    @property
    def _adjacency(self) -> NDArray[np.bool_]:
        spread = np.diagonal(self.covariances, axis1=1, axis2=2).T
        edges = (self.weights != 0) | (spread > 0)
        return edges if self.regressions is None else edges | self.regressions.kept

    def _contributions(self, weights: Floats) -> Floats:
        if self._order is None:
            return np.asarray(np.linalg.inv(np.eye(len(self.nodes)) - weights))
        return contributions(weights, self._order)

    def _edge_draws(self, n: int, generator: np.random.Generator) -> Floats:
        weights = np.repeat(self.weights[None], n, axis=0)
        for j in np.flatnonzero(self.covariances.any(axis=(1, 2))):
            causes = np.flatnonzero(np.diag(self.covariances[j]))
            root = root_of(self.covariances[j][np.ix_(causes, causes)])
            weights[:, causes, j] += generator.standard_normal((n, len(causes))) @ root.T
        return weights
