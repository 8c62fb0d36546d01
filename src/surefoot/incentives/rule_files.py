"""A rule as a JSON file: its weights by name, its threshold, and how it came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError
from surefoot.ground.files import write_json
from surefoot.incentives.rules import LinearRule

_FORMAT = "surefoot-rule-1"
_LARGEST = 1e300


def save_rule(rule: LinearRule, path: Path, origin: Mapping[str, Any]) -> None:
    """Write a rule.

    Parameters
    ----------
    rule : LinearRule
    path : Path
    origin : mapping
        How it came about, such as its certificate; kept for the reader, never read back.
    """
    weights = dict(zip(rule.names, rule.weights.tolist(), strict=True))
    # Sorted keys are for people; the order of the features is in a list.
    content = {"format": _FORMAT, "features": list(rule.names), "weights": weights}
    write_json(path, {**content, "threshold": rule.threshold, "origin": dict(origin)})


def load_rule(path: Path) -> LinearRule:
    """Read a rule that `save_rule` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it is not such a rule.
    """
    allowed = "a rule as `surefoot incentives design` writes it"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), error.strerror, allowed) from error
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), str(error), allowed) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(str(path), "another format", allowed)
    features, weights = content.get("features"), content.get("weights")
    if not isinstance(features, list) or not isinstance(weights, dict):
        raise InputError(str(path), "no features or no weights", allowed)
    names = all(isinstance(name, str) for name in features)
    if not names or not features or sorted(features) != sorted(weights):
        raise InputError(f"{path} features", features, "the names of the weights")
    for name, value in {**weights, "threshold": content.get("threshold")}.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and abs(value) < _LARGEST):
            raise InputError(f"{path} {name}", value, "a finite number")
    return LinearRule([weights[name] for name in features], content["threshold"], features)
