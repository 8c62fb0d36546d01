"""Surefoot: ten tools for people who must stand behind a trained model.

Each room of the house answers one question; rooms load on first use, so ``import surefoot``
costs next to nothing. See ``surefoot list`` for the questions and what works today.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot import averaging as averaging
    from surefoot import confidence as confidence
    from surefoot import groups as groups
    from surefoot import incentives as incentives
    from surefoot import surrogates as surrogates

__version__ = "0.1.0"
_ROOMS = ("averaging", "confidence", "groups", "incentives", "surrogates")
__all__ = [
    "InputError",
    "__version__",
    "averaging",
    "confidence",
    "groups",
    "incentives",
    "surrogates",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"surefoot.{name}")
    if name == "InputError":
        return importlib.import_module("surefoot.ground.errors").InputError
    msg = f"module 'surefoot' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
