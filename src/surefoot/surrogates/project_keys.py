"""The keys that a project file may have, and what their values must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from surefoot.ground.project_files import Kind


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, float) or _whole(value)


def _list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


_TABLE: Kind = (lambda value: isinstance(value, dict), "a table")
_TABLES: Kind = (_list_of(_TABLE[0]), "an array of tables: [[tasks]]")
_TEXT: Kind = (_text, "text in quotes")
_TEXTS: Kind = (_list_of(_text), "a list of texts")
_WHOLE: Kind = (_whole, "a whole number")
_JOBS: Kind = (lambda value: _whole(value) and value != 0, "a whole number, -1 for all cores")
_NUMBER: Kind = (_number, "a number")
_TRUTH: Kind = (lambda value: isinstance(value, bool), "true or false")
_NUMBERS: Kind = (lambda v: _number(v) or _list_of(_number)(v), "a number, or a list of them")
_NAMES: Kind = (lambda v: _text(v) or _list_of(_text)(v), "a name, or a list of names")
_OUTPUT: Kind = (lambda v: _text(v) or _whole(v), "an output by its name or its place")

TABLES: Mapping[str, Kind] = {
    "simulator": _TABLE, "space": _TABLE, "design": _TABLE, "compare": _TABLE, "tasks": _TABLES,
    "card": _TABLE,
}  # fmt: skip
# The three kinds of simulator; a table has no runs that could take too long.
SOURCES: Mapping[str, Kind] = {"command": _TEXTS, "function": _TEXT, "table": _TEXT}
OF_ANY_SIMULATOR: Mapping[str, Kind] = {"outputs": _TEXTS, "version": _TEXT, "stochastic": _TRUTH}
SIMULATOR: Mapping[str, Kind] = {**SOURCES, **OF_ANY_SIMULATOR, "timeout": _NUMBER}
DESIGN: Mapping[str, Kind] = {
    "kind": _TEXT, "n": _WHOLE, "seed": _WHOLE, "reason": _TEXT, "replicates": _WHOLE,
}  # fmt: skip
COMPARE: Mapping[str, Kind] = {
    "candidates": _NAMES, "cv": _WHOLE, "warps": _NAMES, "noise": _TEXT,
    "linear_constraints": _TEXT, "n_jobs": _JOBS, "random_state": _WHOLE,
}  # fmt: skip
TASKS: Mapping[str, Mapping[str, Kind]] = {
    "optimum": {"output": _OUTPUT, "direction": _TEXT, "seed": _WHOLE},
    "sobol": {"output": _OUTPUT, "n": _WHOLE, "seed": _WHOLE},
    "posterior": {
        "observed": _NUMBERS, "noise_sd": _NUMBERS, "fixed": _TABLE, "output": _OUTPUT,
        "seed": _WHOLE,
    },
    "exceedance": {"output": _OUTPUT, "threshold": _NUMBER, "seed": _WHOLE},
}  # fmt: skip
