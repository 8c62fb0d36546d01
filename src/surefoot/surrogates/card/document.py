"""The card as a document: read, checked, counted, saved."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, need, one_of
from surefoot.ground.files import finite, write_text
from surefoot.surrogates.card.fields import FIELDS, SECTIONS

SCHEMA = "smrs-card/1.0"
STATUSES = ("measured", "declared", "not_applicable", "missing")
MISSING: dict[str, Any] = {"value": None, "status": "missing"}

_NAME = re.compile(r"smrs-card/(\d+)\.(\d+)")
_MAJOR = 1
_NOT_IDENTIFIED = ("id", "signatures")


@dataclass(frozen=True)
class Card:
    """A reporting card of a surrogate.

    Parameters
    ----------
    content : mapping
        As in ``schema.json``: ``schema``, ``id``, and a mapping of fields for each section. A
        field is ``{"value", "status"}`` with, where they apply, ``reason``, ``unit`` and
        ``evidence``. Any name that begins with ``x-`` is free for other things.

    Raises
    ------
    InputError
        If it is no card, or one of a newer major version of the schema.

    Examples
    --------
    >>> card = Card.from_file("card.json")
    >>> card["evaluation.scores"]["status"]
    'measured'
    """

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        _refuse_foreign(self.content)
        object.__setattr__(self, "content", finite(dict(self.content)))

    @classmethod
    def from_file(cls, path: str | Path) -> Card:
        """Read a card from JSON."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(str(path), error.strerror, "a card as JSON") from error
        except (ValueError, RecursionError) as error:
            raise InputError(str(path), f"no JSON: {error}", "a card as JSON") from error
        if not isinstance(content, dict):
            raise InputError(str(path), type(content).__name__, "a card: a mapping of sections")
        return cls(content)

    def __getitem__(self, path: str) -> Mapping[str, Any]:
        """Return a field by its path; where there is none, a missing one."""
        section, _, name = path.partition(".")
        sections = self.content.get(section)
        found = sections.get(name) if isinstance(sections, dict) else None
        return MISSING | found if isinstance(found, dict) else MISSING

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a table; none where the field is missing or holds something else."""
        value = self[path]["value"]
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

    def fields(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield path and content of every field: those of the standard in its order, then others.

        Required fields are there even if they are missing, optional ones only if they are not.
        """
        for path, field in FIELDS.items():
            if field.required or self[path]["status"] != "missing":
                yield path, self[path]
        for section in SECTIONS:
            names = self.content.get(section)
            for name in names if isinstance(names, dict) else ():
                path = f"{section}.{name}"
                if path not in FIELDS and not name.startswith("x-"):
                    yield path, self[path]

    def counts(self) -> dict[str, int]:
        """Return how many fields are measured, declared, not applicable and missing."""
        found = [field.get("status", "missing") for _, field in self.fields()]
        return {status: found.count(status) for status in STATUSES}

    def summary(self) -> str:
        """Return the first line of every rendering, such as ``31 measured · 12 declared · …``."""
        return " · ".join(f"{n} {s.replace('_', ' ')}" for s, n in self.counts().items())

    @property
    def title(self) -> str:
        """What the card is of: the simulator and its version."""
        simulator = self["data.simulator"]["value"]
        known = simulator if isinstance(simulator, dict) else {}
        return (
            " ".join(str(known[p]) for p in ("name", "version") if p in known)
            or "a simulator without a name"
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 of the canonical JSON without id and signatures, as the id has it."""
        rest = {key: part for key, part in self.content.items() if key not in _NOT_IDENTIFIED}
        return f"sha256:{hashlib.sha256(canonical(rest).encode()).hexdigest()}"

    def sealed(self) -> Card:
        """Return the card under the id that its content gives, without signatures."""
        rest = {key: part for key, part in self.content.items() if key != "signatures"}
        return Card(rest | {"id": self.fingerprint()})

    def validate(self) -> None:
        """Check the card against its JSON Schema and its id against its content.

        Raises
        ------
        InputError
            At the first field that is not as the schema has it, or if the id is another.
        MissingExtraError
            If jsonschema is not installed.
        """
        validator = need("jsonschema", "surrogates").Draft202012Validator(schema())
        for error in validator.iter_errors(self.content):
            where = ".".join(map(str, error.absolute_path)) or "card"
            raise InputError(where, error.instance, f"as in {SCHEMA}: {_deepest(error)}")
        if self.content["id"] != self.fingerprint():
            raise InputError("id", self.content["id"], f"{self.fingerprint()}, that of the content")

    def save(self, path: str | Path) -> None:
        """Write the card, whole or not at all, as the suffix says: .json, .md, .html or .tex."""
        from surefoot.surrogates.card import html, latex, markdown

        writers = {
            ".json": lambda card: json.dumps(card.content, indent=2, allow_nan=False) + "\n",
            ".md": markdown.render,
            ".html": html.render,
            ".tex": latex.render,
        }
        suffix = one_of(f"suffix of {path}", Path(path).suffix, writers)
        write_text(path, writers[suffix](self))


def canonical(value: Any) -> str:
    """Return the canonical JSON: sorted keys, no spaces, floats by their shortest repr."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a card."""
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _refuse_foreign(content: Mapping[str, Any]) -> None:
    name = content.get("schema")
    version = _NAME.fullmatch(name) if isinstance(name, str) else None
    if version is None:
        raise InputError("schema", name, f"a card that names its schema, such as {SCHEMA!r}")
    if int(version[1]) > _MAJOR:
        raise InputError("schema", name, f"up to {SCHEMA!r}; a newer Surefoot reads newer cards")


def _deepest(error: Any) -> str:
    # Of alternatives, say what is wrong with the one that came nearest.
    import jsonschema

    return str(jsonschema.exceptions.best_match([error]).message)
