"""A first look at a table: noise and roughness are seen, and not imagined."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.surrogates.screening import screen

RNG = np.random.default_rng(1)
Z = RNG.random((80, 2))
WAVES = np.sin(4 * Z[:, 0]) + Z[:, 1]


def test_a_smooth_function_is_smooth_and_without_noise() -> None:
    look = screen(Z, WAVES, seed=0)
    assert not look.noisy
    assert look.smooth


def test_noise_is_seen_and_sized() -> None:
    look = screen(Z, WAVES + 0.3 * RNG.normal(size=80), seed=0)
    assert look.noisy
    assert look.noise_share == pytest.approx(0.09 / (WAVES.var() + 0.09), abs=0.12)


def test_a_jump_is_rough() -> None:
    assert not screen(Z, np.where(Z[:, 0] > 0.5, 1.0, 0.0), seed=0).smooth


def test_large_tables_are_looked_at_in_part() -> None:
    many = RNG.random((3000, 2))
    look = screen(many, np.sin(4 * many[:, 0]), seed=0)
    assert look.smooth
    assert not look.noisy
