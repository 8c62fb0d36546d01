"""What determines a piece of work, and the key that follows from it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.ground.errors import InputError

_FORMAT = "work1"

# Every field of Identity and of work.Cell stands here, and a test fails when one is missing.
# True: another value is other work, so the field is part of the key. False: it names or bounds the
# work without altering its result, so finished work stays finished when it changes.
CHANGES_RESULT: Mapping[str, bool] = {
    "function": True,
    "version": True,
    "params": True,
    "data": True,
    "seed": True,
    "name": False,
    "timeout_s": False,
}


@dataclass(frozen=True)
class Identity:
    """Everything that determines the result of a piece of work.

    Parameters
    ----------
    function : str
        What computes it, as ``"package.module:function"``.
    version : int
        Raised by the function's author when the same arguments give another result.
    params : mapping of str to JSON values
        The arguments of the function.
    data : str
        Fingerprint of the data; empty if there is none.
    seed : int
        Seed of every random stream in the work.
    """

    function: str
    version: int
    params: Mapping[str, Any]
    data: str
    seed: int

    def key(self) -> str:
        """Return ``"work1-"`` and the SHA-256 of the identity as canonical JSON.

        Raises
        ------
        InputError
            If a field has another type, or a parameter is not a JSON value: text, a whole or finite
            number, a truth value, None, a list, or a dict with text keys.
        """
        return f"{_FORMAT}-{hashlib.sha256(self.to_json().encode()).hexdigest()}"

    def to_json(self) -> str:
        """Return the canonical JSON: sorted keys, no spaces, floats by their shortest repr."""
        for name, allowed in {"function": str, "version": int, "data": str, "seed": int}.items():
            value = getattr(self, name)
            if not isinstance(value, allowed) or isinstance(value, bool):
                raise InputError(name, value, "text" if allowed is str else "an integer")
        fields = vars(self) | {"params": _json_value(dict(self.params), "params")}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Identity:
        """Return the identity that `to_json` wrote."""
        return cls(**json.loads(text))

    def changes_to(self, other: Identity) -> list[str]:
        """Say which fields differ in `other`, such as ``"version 1 → 2"``."""
        mine, its = _flat(self), _flat(other)
        return [
            f"{name} {_brief(mine, name)} → {_brief(its, name)}"
            for name in mine | its
            if name not in mine or name not in its or _text(mine[name]) != _text(its[name])
        ]


def _json_value(value: Any, where: str) -> Any:
    # json.dumps would quietly turn tuples into lists and number keys into text, and the function
    # would then be given something else than what the key says.
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise InputError(where, key, "text as keys")
        return {key: _json_value(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item, f"{where}[{row}]") for row, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(where, value, "a finite number")
    if value is None or isinstance(value, str | int | float):
        return value
    raise InputError(where, value, "a JSON value: text, number, true/false, None, list or dict")


def _flat(identity: Identity) -> dict[str, Any]:
    params = {f"params.{name}": value for name, value in identity.params.items()}
    return {
        "function": identity.function,
        "version": identity.version,
        **params,
        "data": identity.data,
        "seed": identity.seed,
    }


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _brief(fields: Mapping[str, Any], name: str, limit: int = 40) -> str:
    if name not in fields:
        return "(none)"
    text = _text(fields[name])
    return text if len(text) <= limit else text[: limit - 1] + "…"
