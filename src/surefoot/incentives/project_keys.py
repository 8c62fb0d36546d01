"""The keys that a project file may have, and what their values must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.project_files import Kind

_LARGEST = 1e300  # whole numbers of TOML may be beyond what a float holds


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and not math.isnan(value))


def _finite(value: Any) -> bool:
    return _number(value) and abs(value) < _LARGEST


def _positive(value: Any) -> bool:
    return _number(value) and (0 < value < _LARGEST or value == math.inf)


def _at_least_0(value: Any) -> bool:
    return _number(value) and (value == 0 or _positive(value))


def _doubt(value: Any) -> bool:
    return _finite(value) and value >= 0


def _chance(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _table_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def _list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(test, value))


def _either(*tests: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: any(test(value) for test in tests)


def _direction(value: Any) -> bool:
    return (_text(value) or _whole(value)) and value in DIRECTIONS


# What a direction may be called.
DIRECTIONS: Mapping[Any, int] = {"less": -1, "more": 1, -1: -1, 1: 1}

_TABLE: Kind = (lambda value: isinstance(value, dict), "a table")
_TEXT: Kind = (_text, "text in quotes")
_NAMES: Kind = (_list_of(_text), 'names in a list: ["a", "b"]')
_LABEL: Kind = (
    _either(_text, _finite, lambda value: isinstance(value, bool)),
    "a label of the target: text in quotes, a number, true or false",
)
NUMBER: Kind = (_finite, "a number")
DIRECTION: Kind = (_direction, '"less" or "more"')
_FINITES: Kind = (_table_of(_finite), "a number for each name: { name = 1.0 }")
_POSITIVE: Kind = (_positive, "a number above 0")
_DOUBT: Kind = (_doubt, "a number of at least 0")
_AT_LEAST_0: Kind = (_at_least_0, "a number of at least 0")
_COUNT: Kind = (lambda v: _whole(v) and 0 <= v <= 1_000_000, "a whole number, up to 1,000,000")
_COSTS: Kind = (
    _either(_positive, _table_of(_positive)),
    "a number above 0, or one for each node: { name = 0.5 }; inf: can't be moved",
)
_DOUBTS: Kind = (
    _either(_doubt, _table_of(_doubt)),
    "a number of at least 0 (sd over mean), or one for each name: { name = 0.8 }",
)
_DIRECTIONS: Kind = (_table_of(_direction), '"less" or "more" for each name')
_EDGES: Kind = (
    lambda value: isinstance(value, list) and all(isinstance(each, dict) for each in value),
    'a list of edges: { cause = "a", effect = "b" }',
)
_UNITS: Kind = (
    _either(lambda v: v in ("sd", "raw"), _table_of(_positive)),
    '"sd", "raw", or a number above 0 for each node: { name = 10 }',
)
_CHANCE: Kind = (_chance, "a number from 0 to 1")
_CHANCES: Kind = (_list_of(_chance), "numbers from 0 to 1 in a list")


def word(*names: str) -> Kind:
    """Return the kind of a value that is one of these words."""
    return (lambda value: _text(value) and value in names), " or ".join(map(repr, names))


_NAMES_OF_TABLES = (
    "data", "graph", "cost", "desirable", "belief", "budget", "rule", "outcome", "design",
)  # fmt: skip
TABLES: Mapping[str, Kind] = dict.fromkeys(_NAMES_OF_TABLES, _TABLE)
DATA: Mapping[str, Kind] = {
    "table": _TEXT, "target": _TEXT, "accept": _LABEL, "features": _NAMES, "groups": _TEXT,
    "missing": word("refuse", "drop"),
}  # fmt: skip
GRAPH: Mapping[str, Kind] = {
    "nodes": _NAMES, "edges": _EDGES, "exogenous": _NAMES, "units": _UNITS,
}  # fmt: skip
EDGE: Mapping[str, Kind] = {
    "cause": _TEXT, "effect": _TEXT, "weight": NUMBER, "sd": _DOUBT,
}  # fmt: skip
COST: Mapping[str, Kind] = {
    "kind": word("norm", "quadratic"),
    "p": (lambda v: _positive(v) and v >= 1, "a number from 1 to inf"),
    "weights": _COSTS, "directions": _DIRECTIONS, "immutable": _NAMES, "floors": _FINITES,
    "ceilings": _FINITES,
}  # fmt: skip
BELIEF: Mapping[str, Kind] = {
    "know": word("everything", "rule", "graph", "neither"),
    "confidence": (lambda v: _chance(v) and 0.5 <= v < 1, "a number from 0.5 to below 1"),
    "method": word("auto", "gaussian", "calibrated", "cantelli", "cvar"),
    "graph": _TABLE, "rule": _TABLE,
}  # fmt: skip
DOUBT_OF_GRAPH: Mapping[str, Kind] = {"cv": _DOUBTS}
DOUBT_OF_RULE: Mapping[str, Kind] = {"cv": _DOUBTS, "threshold_sd": _DOUBT}
BUDGET: Mapping[str, Kind] = {
    "value": _AT_LEAST_0,
    "groups": (_table_of(_at_least_0), "a number of at least 0 for each group"),
    "aim": word("pass", "budget", "utility"),
}
RULE: Mapping[str, Kind] = {
    "fit": word("logistic"), "weights": _FINITES, "file": _TEXT, "threshold": NUMBER,
    "penalty": _POSITIVE,
    "probability": (lambda v: _chance(v) and 0 < v < 1, "a number between 0 and 1"),
}  # fmt: skip
DESIGN: Mapping[str, Kind] = {
    "beta": _CHANCE, "betas": _CHANCES, "measure": word("effort", "cost"),
    "loss": word("logistic", "squared", "hinge"), "penalty": _POSITIVE, "scenarios": _COUNT,
    "forbidden": _NAMES, "monotone": _DIRECTIONS,
    "threshold": word("static", "strategic"),
}  # fmt: skip


def known_names(place: str, given: Mapping[str, Any] | Sequence[str], known: Sequence[str]) -> None:
    """Refuse a name that is not `known`, or that stands twice."""
    for name in given:
        one_of(place, name, known)
    if len(set(given)) < len(given):
        raise InputError(place, list(given), "each name once")
