"""Fields that already have the name and the values of a canonical one: they are mapped to it without a guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from monitor.events.inference.profile import Profile
from monitor.events.schema import BY_NAME, MAX_RULES, Field, Kind

UNMAPPED: Final = ("v", "fingerprint", "labels")
"""Canonical fields that are not proposed: what a log calls so is hardly ever what the event means by it."""
MAPPED: Final = tuple(name for name in BY_NAME if name not in UNMAPPED)
_NEEDED: Final = 0.5
"""Of 1: a record without its guardrail is rejected, so fewer are no names."""
_TIMES: Final = 0.95
_ROOT: Final = "root()."


def canonical_name(one: Profile) -> str:
    """The canonical field of this name, of the record or of an element of it; empty if there is none."""
    name = one.path.removeprefix(_ROOT)
    return name if name in MAPPED else ""


def same_named(fields: Iterable[Profile], names: Iterable[str] = MAPPED) -> dict[str, Profile]:
    """The fields that can be read as the canonical ones of their names."""
    wanted = set(names)
    found: dict[str, Profile] = {}
    for one in fields:
        name = canonical_name(one)
        if name in wanted and name not in found and _fits(BY_NAME[name], one):
            found[name] = one
    return found


def lists_of_rules(records: Sequence[Any]) -> int:
    """How many records have names of rules under ``rules``; 0 if one of them holds anything else."""
    found = [one["rules"] for one in records if isinstance(one, dict) and one.get("rules") is not None]
    fine = all(
        isinstance(rules, list) and len(rules) <= MAX_RULES and all(isinstance(rule, str) for rule in rules)
        for rules in found
    )
    return len(found) if fine else 0


def _fits(field: Field, one: Profile) -> bool:  # noqa: PLR0911 - one line per kind
    if not one.present:
        return False
    if field.name == "harmful" and one.present >= _NEEDED * one.records:
        return False  # it would make nearly every record a label, which is no event
    if field.required and one.present < _NEEDED * one.records:
        return False
    match field.kind:
        case Kind.word:
            shared = one.present < 20 or one.variety < 0.5
            return one.texts == one.present and one.longest <= field.maximum and shared
        case Kind.identifier:
            return not one.booleans and one.longest <= field.maximum
        case Kind.choice:
            known = field.spellings.keys() | {""}
            return one.texts == one.present and (bool(field.otherwise) or one.distinct.keys() <= known)
        case Kind.flag:
            return one.booleans == one.present
        case Kind.time:
            return one.times >= _TIMES * one.present
        case Kind.integer | Kind.number:
            return _in_range(field, one)
        case Kind.text:
            return one.texts == one.present
        case _:
            return False


def _in_range(field: Field, one: Profile) -> bool:
    values = [value for value in one.as_numbers() if value is not None]
    whole = field.kind is not Kind.integer or all(value == int(value) for value in values)
    return one.numbers == one.present and whole and field.minimum <= min(values) <= max(values) <= field.maximum
