"""The rooms of the house: each is a question. What has no study yet is not built yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """One question and where its answer lives.

    Attributes
    ----------
    question, method : str
    study : str or None
        ``"module:name"`` of its `surefoot.ground.study.Study`; None if the room is not open.
    """

    question: str
    method: str
    study: str | None = None


ROOMS: Mapping[str, Room] = {
    "groups": Room(
        "Does it work for the minority groups too?",
        "FairDropout: example-tied dropout",
        "surefoot.groups.study:STUDY",
    ),
    "averaging": Room(
        "Could averaging the weights get there sooner?",
        "LAWA, EMA and post-hoc averaging",
        "surefoot.averaging.study:STUDY",
    ),
    "confidence": Room(
        "How sure is SGD of what it learned?",
        "multiplier bootstrap for averaged SGD",
        "surefoot.confidence.study:STUDY",
    ),
    "surrogates": Room(
        "Can a fast model stand in for the simulator, and who checked?",
        "one pipeline, honest comparison, auditable card",
        "surefoot.surrogates.study:STUDY",
    ),
    "incentives": Room(
        "What will people do to pass, and is it what we want?",
        "effort profiles under causality and uncertainty",
        "surefoot.incentives.study:STUDY",
    ),
    "recommend": Room(
        "What will each person like, new ones included?", "attention autoencoder and boosted trees"
    ),
    "federated": Room(
        "Can it learn from data nobody may collect?", "private federated learning, app selection"
    ),
    "hardening": Room(
        "Can this benchmark still tell models apart?",
        "adversarial encoding of multiple-choice questions",
    ),
    "reasoning": Room(
        "Which step of this reasoning is wrong?", "multi-domain process reward model"
    ),
    "relaxation": Room(
        "What do these weights do, physically?", "networks as relaxing dynamical systems"
    ),
}


def open_rooms() -> list[str]:
    """Return the names of the rooms that can be run."""
    return [name for name, room in ROOMS.items() if room.study is not None]
