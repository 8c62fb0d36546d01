"""Weights of a merge as a shell spells them."""

from __future__ import annotations

from surefoot.averaging.profiles import DECAYS, Profile
from surefoot.averaging.recursions import EMA, PowerEMA
from surefoot.ground.errors import InputError, one_of


def named_profile(
    name: str, *, decay: float | None = None, sigma_rel: float | None = None
) -> Profile:
    """Return the profile called `name`; ``"ema"`` needs a decay, ``"power"`` takes a width.

    Parameters
    ----------
    name : {"uniform", "cosine", "one-minus-sqrt", "ema", "power"}
    decay : float, optional
        Of the exponential average, per checkpoint.
    sigma_rel : float, optional
        Width of the power-function average, as a share of the run.
    """
    one_of("profile", name, [*DECAYS, "ema", "power"])
    for option, value, profile in (("decay", decay, "ema"), ("sigma_rel", sigma_rel, "power")):
        if value is not None and name != profile:
            raise InputError(option, value, f"none, unless the profile is {profile}")
    if name == "ema":
        if decay is None:
            raise InputError("decay", None, "a number in [0, 1) for the profile ema")
        return EMA(decay)
    return PowerEMA(sigma_rel) if name == "power" else name


def numbers(where: str, text: str) -> list[float]:
    """Return the numbers in a text such as ``"0.2,0.3,0.5"``."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(where, text, "numbers with commas between them") from error
