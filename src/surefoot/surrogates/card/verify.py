"""A third party's audit: measure everything again, and say what moved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.files import finite
from surefoot.ground.streams import stream
from surefoot.surrogates.card.audit import Audit, Moved
from surefoot.surrogates.card.diff import differences
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.evidence import artefact_hash, model_evidence
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.run_evidence import run_evidence
from surefoot.surrogates.card.words import value_words
from surefoot.surrogates.simulation import runs, store
from surefoot.surrogates.simulation.comparing import failed_inputs

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.probes import Probe
    from surefoot.surrogates.simulation.study import Study

# Relative: what a refit on another processor may differ by in the last digits.
TOLERANCE = 1e-6
# Of the range of the smallest output: what may be left of a difference that should be zero.
_ROUNDING = 1e-12


def verify(
    card: Card,
    study: Study,
    artefact: str | Path,
    *,
    rerun: int = 0,
    model: SurrogateRegressor | None = None,
    probes: Mapping[str, Probe] | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Audit:
    """Measure again what a card says was measured, and compare.

    What follows from the runs is derived from the store; what follows from the fit from refitting
    with the recorded settings and seed. Declarations are not judged.

    Parameters
    ----------
    card : Card
    study : Study
        Simulator and store of the runs; the simulator is called for `rerun` alone.
    artefact : str or Path
        The saved surrogate.
    rerun : int
        How many successful runs, drawn at random, to repeat. Only of a deterministic simulator.
    model : SurrogateRegressor, optional
        Unfitted; needed if the card names candidates that are not Surefoot's own.
    probes : mapping, optional
        As for `make_card`. A field whose probe is not given has moved.
    tolerance : float
        Relative, of numbers; integers and texts must be equal.
    seed : int
        Of the draw of runs.

    Raises
    ------
    InputError
        If there is nothing to refit, or `rerun` is more than can be repeated.
    """
    moved: list[Moved] = []
    if card.content.get("id") != card.fingerprint():
        sentence = "the content was changed after the card was sealed"
        moved.append(Moved("id", card.content.get("id"), card.fingerprint(), sentence))
    with store.opened(study.folder, study.simulator) as ledger:
        moved += [Moved("artefacts.store", None, None, problem) for problem in ledger.verify()]
    found: dict[str, Any] = {}
    with _noting("artefacts.store", moved):
        found |= run_evidence(study)
        with _noting("learning.settings", moved):
            fitted = _refit(card, study, model)
            found |= model_evidence(study, fitted, probes)
            with _noting("artefacts.model", moved):
                found["artefacts.model"] = artefact_hash(artefact)
                moved += _artefact_differs(study, fitted, artefact, tolerance)
    moved += _compare(card, found, tolerance)
    if rerun:
        moved += _repeat(study, rerun, seed, tolerance)
    trusted = tuple(p for p, f in FIELDS.items() if f.by == "machine" and _measured(card, p))
    return Audit(tuple(moved), tuple(p for p in found if _measured(card, p)), trusted, rerun)


@contextmanager
def _noting(field: str, moved: list[Moved]) -> Iterator[None]:
    """Add what can't be measured again to `moved`, and go on."""
    try:
        yield
    except (InputError, UnmetError) as error:
        moved.append(Moved(field, None, None, f"can't be measured again: {error}"))


def _refit(card: Card, study: Study, model: SurrogateRegressor | None) -> SurrogateRegressor:
    """Fit again, as the card says that it was done."""
    from surefoot.surrogates.regressor import SurrogateRegressor

    X, Y = study.data()
    seeds, settings = card["learning.seeds"]["value"], card["learning.settings"]["value"]
    if not (isinstance(seeds, list) and len(seeds) == 1 and type(seeds[0]) is int):
        raise InputError("learning.seeds", seeds, "the one seed of the fit")
    if not isinstance(settings, dict):
        raise InputError("learning.settings", settings, "settings by name")
    settings = dict(settings)
    outputs, space = settings.pop("outputs", None), settings.pop("space", None)
    if not isinstance(outputs, list) or not all(output in list(Y) for output in outputs):
        raise InputError("learning.settings.outputs", outputs, f"some of {list(Y)}")
    for name in ("candidates", "warps"):
        if not isinstance(settings.get(name, []), str | list):
            raise InputError(f"learning.settings.{name}", settings[name], "a name, or a list")
    if model is None:
        known = SurrogateRegressor(space=study.simulator.space if space == "declared" else None)
        if unknown := sorted(settings.keys() - known.get_params().keys()):
            raise InputError("learning.settings", unknown, "parameters of a SurrogateRegressor")
        model = known.set_params(**settings)
    model.set_params(random_state=seeds[0])
    return model.fit(X, Y[outputs], failed=failed_inputs(study))


def _compare(card: Card, found: Mapping[str, Any], tolerance: float) -> Iterator[Moved]:
    outputs = found.get("data.outputs", [])
    spans = [abs(row["high"] - row["low"]) for row in outputs if "low" in row and "high" in row]
    rounding = _ROUNDING * min([1.0, *filter(None, spans)])
    for path, field in FIELDS.items():
        ours, measured = card[path], _measured(card, path)
        if field.by == "machine":
            continue
        if measured and path not in found:
            sentence = "said to be measured; it could not be measured again"
            yield Moved(path, ours["value"], None, sentence)
        elif path in found and not measured:
            sentence = f"{ours.get('status')}, though it was measured"
            yield Moved(path, ours.get("value"), found[path], sentence)
        elif measured:
            for place, before, after in differences(ours["value"], finite(found[path])):
                if not _close(before, after, tolerance, rounding):
                    sentence = (
                        f"{value_words(before, 60)} on the card, {value_words(after, 60)} now"
                    )
                    yield Moved(path + place, before, after, sentence)
            yield from _cites_other(card, path)


def _cites_other(card: Card, path: str) -> Iterator[Moved]:
    evidence = card[path].get("evidence")
    for name, cited in evidence.items() if isinstance(evidence, dict) else ():
        known = card[f"artefacts.{name}"]["value"]
        if cited != known:
            yield Moved(path, cited, known, f"cites another {name} than the card's")


def _close(a: Any, b: Any, tolerance: float, rounding: float) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
    if numbers and isinstance(a, float) | isinstance(b, float):
        # Differences of nearly equal numbers are rounding where they should be zero.
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=rounding)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return all(_close(x, y, tolerance, rounding) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def _artefact_differs(
    study: Study, fitted: SurrogateRegressor, artefact: str | Path, tolerance: float
) -> Iterator[Moved]:
    """Compare the predictions of file and refit at the runs."""
    X, _ = study.data()
    stored = type(fitted).load(artefact).predict(X, on_extrapolation="ignore")
    again = fitted.predict(X, on_extrapolation="ignore")
    rounding = _ROUNDING * np.ptp(again, axis=0)
    if stored.shape != again.shape or not np.allclose(stored, again, tolerance, rounding):
        sentence = "its predictions are not those of a refit"
        yield Moved("artefacts.model", None, None, sentence)


def _repeat(study: Study, count: int, seed: int, tolerance: float) -> Iterator[Moved]:
    """Run the simulator again at some of its successful runs."""
    simulator = study.simulator
    if simulator.call is None or simulator.stochastic:
        kind = "a stochastic simulator" if simulator.call else "a table of finished runs"
        raise InputError("rerun", kind, "a deterministic simulator that can be called")
    with store.opened(study.folder, simulator) as ledger:
        good = [
            (run, ledger.arrays(record) | record.result["outputs"])
            for planned in store.planned(ledger)
            for run in runs.cells(simulator, planned)
            if (record := ledger.get(run.key)) and record.status == "ok"
        ]
    if not 0 < count <= len(good):
        raise InputError("rerun", count, f"up to the {len(good)} successful runs")
    for place in stream(seed, "rerun").choice(len(good), count, replace=False).tolist():
        run, outputs = good[place]
        again = runs.simulate(seed=run.seed, **run.params)
        values = {**again.result["outputs"], **again.arrays}
        for name, before in outputs.items():
            if not np.allclose(before, values[name], rtol=tolerance, atol=0):
                sentence = f"{run.name}: {value_words(finite(before), 60)} in the store"
                sentence += f", {value_words(finite(values[name]), 60)} when run again"
                yield Moved(f"data.outputs.{name}", finite(before), finite(values[name]), sentence)


def _measured(card: Card, path: str) -> bool:
    return card[path].get("status") == "measured"
