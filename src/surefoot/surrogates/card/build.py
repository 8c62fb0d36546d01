"""Evidence and declarations -> a card. Nothing measured can be declared away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import finite
from surefoot.surrogates.card.document import MISSING, SCHEMA, Card
from surefoot.surrogates.card.fields import FIELDS, SECTIONS, Field, Kind


def _rows(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


# What a value of each kind is, and how to say so.
_KINDS: Mapping[Kind, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda v: isinstance(v, str) and bool(v.strip()), "a text that is not empty"),
    "number": (lambda v: type(v) in (int, float), "a finite number"),
    "count": (lambda v: type(v) is int and v >= 0, "a whole number, 0 or more"),
    "truth": (lambda v: isinstance(v, bool), "true or false"),
    "list": (lambda v: _rows(v, str | int | float), "a list of texts or numbers"),
    "mapping": (lambda v: isinstance(v, dict), "a table of names and values"),
    "table": (lambda v: _rows(v, dict), "an array of tables"),
}
_NOT_APPLICABLE = "not_applicable"


def build_card(evidence: Mapping[str, Any], declared: Mapping[str, Any]) -> Card:
    """Return the card of what was measured and declared; required fields of neither are missing.

    Parameters
    ----------
    evidence : mapping of str to JSON values
        What was measured, by the path of the field, as `surefoot.surrogates.card.evidence.collect`
        gives it.
    declared : mapping of str to mapping
        What the author says, by section and name, as the tables ``[card.<section>]`` of a
        project's TOML file. ``{not_applicable = "why"}`` stands for a field that does not apply.
        Names that begin with ``x-`` are taken as they are.

    Raises
    ------
    InputError
        If a declaration is of an unknown field, of another type, or of something measured.

    Examples
    --------
    >>> card = build_card({"data.n_runs": 80}, {"need": {"purpose": "Find the best orifice."}})
    >>> card["need.purpose"]["status"], card["data.n_runs"]["value"]
    ('declared', 80)
    """
    content: dict[str, Any] = {"schema": SCHEMA, **{section: {} for section in SECTIONS}}
    measured = {
        path: _measured(FIELDS[one_of("evidence", path, FIELDS)], value, evidence)
        for path, value in evidence.items()
    }
    stated = _declarations(declared, content)
    for path in stated:
        if path in measured:
            where = f"declared {path}"
            raise InputError(where, stated[path]["value"], "nothing, for this was measured")
    for path, field in FIELDS.items():
        found = measured.get(path) or stated.get(path) or (MISSING if field.required else None)
        if found is not None:
            content[field.section][path.split(".")[1]] = found
    return Card({key: part for key, part in content.items() if part != {}}).sealed()


def _measured(field: Field, value: Any, evidence: Mapping[str, Any]) -> dict[str, Any]:
    value = finite(value)
    _refuse_other_kind(f"evidence {field.path}", field, value)
    found = {"value": value, "status": "measured"}
    sources = {"runs": ("store",), "fit": ("store", "model")}.get(field.by, ())
    hashes = {name: evidence.get(f"artefacts.{name}") for name in sources}
    known = {name: str(found) for name, found in hashes.items() if found is not None}
    if known and field.section != "artefacts":
        found["evidence"] = known
    return found | ({"unit": field.unit} if field.unit else {})


def _declarations(declared: Mapping[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Return the declared fields by path; what is free for other things goes into `content`."""
    stated = {}
    for section, names in declared.items():
        if section.startswith("x-"):
            content[section] = finite(names)
            continue
        one_of("declared section", section, SECTIONS)
        if not isinstance(names, Mapping):
            raise InputError(f"declared {section}", names, "a table of fields")
        for name, value in names.items():
            if name.startswith("x-"):
                content[section][name] = finite(value)
                continue
            allowed = [f.path.split(".")[1] for f in FIELDS.values() if f.section == section]
            one_of(f"declared field of {section}", name, allowed)
            field = FIELDS[f"{section}.{name}"]
            stated[field.path] = _declared(field, finite(value))
    return stated


def _declared(field: Field, value: Any) -> dict[str, Any]:
    where = f"declared {field.path}"
    if isinstance(value, dict) and _NOT_APPLICABLE in value:
        reason = value[_NOT_APPLICABLE]
        if len(value) > 1 or not isinstance(reason, str) or not reason.strip():
            raise InputError(where, value, 'not_applicable = "the reason", and nothing else')
        return {"value": None, "status": _NOT_APPLICABLE, "reason": reason}
    _refuse_other_kind(where, field, value)
    unit = {"unit": field.unit} if field.unit else {}
    return {"value": value, "status": "declared", **unit}


def _refuse_other_kind(where: str, field: Field, value: Any) -> None:
    is_of_kind, words = _KINDS[field.kind]
    if not is_of_kind(value):
        raise InputError(where, value, words)
