"""The cases of the study: which runs are learned from, and which are predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.catalogue import TableName, find
from surefoot.ground.datasets import files_of, load
from surefoot.ground.streams import stream, subseed
from surefoot.surrogates.functions import problem, problems_of
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.space import Space

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_MOST_ROWS, _SHARE = 150, 0.7  # of a table, to learn from
_MOST_NEW = 1_000


@dataclass(frozen=True, eq=False)
class Runs:
    """One draw of a case: the same for every method.

    Attributes
    ----------
    space : Space
        Of the inputs; of a table the box around all its rows.
    X, X_new : DataFrame
        Runs to learn from, and runs to be predicted.
    y, y_new : ndarray of shape (n,) and (m,)
    """

    space: Space
    X: pd.DataFrame
    y: Floats
    X_new: pd.DataFrame
    y_new: Floats


@dataclass(frozen=True)
class FunctionCase:
    """A test problem, learned from a Latin hypercube and judged at uniform points.

    Attributes
    ----------
    problem : str
        See `surefoot.surrogates.functions`.
    n, n_new : int
        Runs to learn from and to predict.
    """

    problem: str
    n: int
    n_new: int = _MOST_NEW

    @property
    def title(self) -> str:
        """The problem's."""
        return problem(self.problem).title

    @property
    def inputs(self) -> int:
        """How many numbers describe a run."""
        return len(problem(self.problem).space.encoded_names)

    @property
    def data(self) -> str:
        """No fingerprint: the function is code."""
        return ""

    def draw(self, seed: int) -> Runs:
        """Return the runs of a seed."""
        of = problem(self.problem)
        X = Design("lhs", self.n, subseed(seed, "runs", of.name)).points(of.space)
        X_new = of.sample(self.n_new, seed)
        return Runs(of.space, X, of(X), X_new, of(X_new))


@dataclass(frozen=True)
class TableCase:
    """An output of a table, learned from some rows and judged on others.

    At most 150 rows and 70 % are learned from, at most 1,000 predicted; which, the seed says.

    Attributes
    ----------
    table, output : str
        See ``surefoot data list``.
    title : str
    inputs : int
        How many numbers describe a run, a category as one a level.
    names : tuple of str
        Columns that only name a row, such as a formula: no inputs.
    """

    table: TableName
    output: str
    title: str
    inputs: int
    names: tuple[str, ...] = ()

    @property
    def data(self) -> str:
        """Fingerprint of the files, without reading them."""
        return files_of(self.table)

    def draw(self, seed: int) -> Runs:
        """Return the rows of a seed."""
        frame = load(self.table).frame
        # Masks of published splits are no inputs either.
        known = {*find(self.table).outputs, self.output, *self.names}
        inputs = [c for c in frame.columns if c not in known and not c.startswith("test_")]
        X, y = frame[inputs], frame[self.output].to_numpy(np.float64)
        n = min(_MOST_ROWS, int(_SHARE * len(frame)))
        rows = stream(seed, "rows", self.table).permutation(len(frame))
        old, new = rows[:n], rows[n : n + _MOST_NEW]
        return Runs(Space.from_table(X), X.iloc[old], y[old], X.iloc[new], y[new])


Case = FunctionCase | TableCase

# Of simulators in time fewer runs are predicted: each takes some milliseconds.
_DEAR = 300

DEVELOPMENT: Mapping[str, Case] = {
    "borehole": FunctionCase("borehole", 80),
    "otl": FunctionCase("otl", 60),
    "piston": FunctionCase("piston", 70),
    "ishigami": FunctionCase("ishigami", 30),
    "branin": FunctionCase("branin", 20),
    "friedman": FunctionCase("friedman", 50),
    "hartmann6": FunctionCase("hartmann6", 60),
}
ONCE: Mapping[str, Case] = {
    "wing": FunctionCase("wing", 100),
    "robot-arm": FunctionCase("robot-arm", 80),
    "g-function": FunctionCase("g-function", 60),
    "lotka-volterra": FunctionCase("lotka-volterra", 40, _DEAR),
    "seir-peak": FunctionCase("seir-peak", 40, _DEAR),
}
FRESH: Mapping[str, Case] = {
    one.name: FunctionCase(one.name, 10 * len(one.space)) for one in problems_of("fresh")
}
REAL: Mapping[str, Case] = {
    "cardiac1": TableCase("cardiac1", "Ca,diast,a", "Ionic cell: diastolic calcium", 18),
    "cardiac2": TableCase("cardiac2", "Tpeak,v", "Contracting cell: peak tension", 27),
    "cardiac4": TableCase("cardiac4", "EDV,lv", "Four-chamber heart: filling", 45),
    "cardiac6 atria": TableCase("cardiac6", "TAT,a", "Conduction: activation of the atria", 6),
    "cardiac6 ventricles": TableCase("cardiac6", "TAT,v", "Conduction: of the ventricles", 6),
    "engineering1": TableCase("engineering1", "deflection", "Truss: deflection", 6),
    "concrete": TableCase("concrete", "strength", "Concrete: strength", 8),
    "yacht": TableCase("yacht", "resistance", "Yacht: resistance", 6),
    "lithium": TableCase(
        "lithium-ion-data", "Formation Energy (eV)", "Battery cathodes: formation energy", 7,
        ("Materials Id", "Formula", "Spacegroup"),
    ),
    "printing": TableCase("additive-manufacturing", "Roughness", "3D printing: roughness", 11),
    "composite": TableCase("composite-material", "Initial_stiffness", "Composite: stiffness", 36),
}  # fmt: skip

TITLES: Mapping[str, str] = {
    "fresh": "Functions never looked at before",
    "real": "Real tables",
    "development": "Functions used in development",
    "once": "Functions looked at once",
}
GROUPS: Mapping[str, Mapping[str, Case]] = {
    "development": DEVELOPMENT,
    "once": ONCE,
    "fresh": FRESH,
    "real": REAL,
}
CASES: Mapping[str, Case] = {
    name: case for group in GROUPS.values() for name, case in group.items()
}
