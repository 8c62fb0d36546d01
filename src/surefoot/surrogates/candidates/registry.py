"""Candidates by name, and which are tried when nobody asks for others."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from surefoot.ground.errors import one_of
from surefoot.surrogates.candidates.base import Candidate
from surefoot.surrogates.candidates.baselines import Linear, Mean, NearestNeighbour
from surefoot.surrogates.candidates.boosting import BoostedTrees
from surefoot.surrogates.candidates.forest import RandomForest
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.candidates.optional.botorch_gp import BotorchGP
from surefoot.surrogates.candidates.optional.lightgbm_trees import LightGBM
from surefoot.surrogates.candidates.optional.openturns_pce import OpenTurnsPCE
from surefoot.surrogates.candidates.optional.sklearn_gp import SklearnGP
from surefoot.surrogates.candidates.optional.smt_kriging import SmtKriging
from surefoot.surrogates.candidates.optional.sparse_gp import SparseGP
from surefoot.surrogates.candidates.optional.tuned import Tuned
from surefoot.surrogates.candidates.pc_kriging import PCKriging
from surefoot.surrogates.candidates.pce import PolynomialChaos
from surefoot.surrogates.candidates.subset import SubsetGP

GROUP = "surefoot.surrogates.candidates"

_MANY_ROWS = 2000
_FEWEST_FOR_TREES = 50

_OWN: tuple[Candidate, ...] = (
    Mean(),
    Linear(),
    NearestNeighbour(),
    PolynomialChaos(),
    BoostedTrees(),
    RandomForest(),
    GaussianProcess("squared-exponential"),
    GaussianProcess("matern52"),
    GaussianProcess("matern52", "linear"),
    GaussianProcess("matern12"),
    GaussianProcess("matern52", nugget="free"),
    SubsetGP(),
    PCKriging(),
)

_OPTIONAL: tuple[Candidate, ...] = (
    LightGBM(),
    SparseGP(),
    SklearnGP(),
    SmtKriging(),
    BotorchGP(),
    OpenTurnsPCE(),
    Tuned(tuple(SklearnGP(kernel, 1) for kernel in ("matern52", "matern32", "rbf")), 10),
    Tuned(
        tuple(
            SmtKriging(corr, poly, 3)
            for corr in ("squar_exp", "matern52")
            for poly in ("constant", "linear")
        ),
        20,
    ),
    Tuned(
        tuple(
            BotorchGP(kernel, deterministic)
            for kernel in ("rbf", "matern52")
            for deterministic in (False, True)
        ),
        3,
    ),
)

_KNOWN = {candidate.name: candidate for candidate in (*_OWN, *_OPTIONAL)}


def by_name(name: str) -> Candidate:
    """Return the candidate of that name.

    Besides Surefoot's own and its optional ones these are what other packages offer through the
    entry point group ``surefoot.surrogates.candidates``: the name of a class or function that
    returns a `Candidate` when called without arguments.

    Raises
    ------
    InputError
        If there is none; it lists those that are known.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    offered = {point.name: point for point in entry_points(group=GROUP)}
    make: Callable[[], Candidate] = offered[one_of("candidate", name, [*_KNOWN, *offered])].load()
    return make()


def baselines() -> list[Candidate]:
    """Return what every surrogate has to beat: mean, plane, nearest run."""
    return [Mean(), Linear(), NearestNeighbour()]


def default_candidates(
    n: int, d: int, *, noisy: bool = False, smooth: bool = True
) -> list[Candidate]:
    """Return the candidates to be compared for `n` rows of `d` inputs.

    Parameters
    ----------
    noisy : bool
        Whether the same run may give another response.
    smooth : bool
        Whether small changes of the inputs change the response little.
    """
    trees = ["boosted-trees", "random-forest"]
    if n > _MANY_ROWS:
        return [by_name(name) for name in ("gp-subset", "pce", *trees)]
    names = ["gp-se", "gp-matern52"]
    if n >= d + 2:
        names += ["gp-matern52-linear", "pce", "pc-kriging"]
    if noisy:
        names.append("gp-noise")
    if not smooth:
        names.append("gp-matern12")
    if (noisy or not smooth) and n >= _FEWEST_FOR_TREES:
        names += trees
    return [by_name(name) for name in names]
