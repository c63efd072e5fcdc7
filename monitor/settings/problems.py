"""Problems of the settings, one line each: the place, the value given, the values allowed, a suggestion."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.settings.catalogue import NAME, Location, Row, rows

MAX_SHOWN: Final = 20
"""Problems reported at once; the rest is counted."""
MAX_VALUE: Final = 60
"""Characters of a given value that are shown."""

SLIP: Final = 0.8
"""difflib's closeness of a slip of the pen (topic, topics: 0.91); what exists elsewhere needs no guess beyond it."""


def sentences(error: ValidationError, *, file: str, origin: Mapping[tuple[str | int, ...], str]) -> list[str]:
    """One line per problem.

    Args:
        error: what pydantic found.
        file: name of the settings file.
        origin: environment variable per path, for the values that came from one.
    """
    known = {row.location: row for row in rows()}
    found = error.errors(include_url=False)
    lines = []
    for detail in found[:MAX_SHOWN]:
        place = _place_of(detail["loc"], known)
        path = f"{place.path}: " if place.path else ""
        lines.append(f"{place.given_in(origin) or file}: {path}{_sentence(detail, place.location, known)}")
    if len(found) > MAX_SHOWN:
        lines.append(f"{file}: and {len(found) - MAX_SHOWN} more problems")
    return lines


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a problem: in the catalogue, and in the person's file."""

    location: Location
    written: tuple[str | int, ...]

    @property
    def path(self) -> str:
        text = ""
        for step in self.written:
            dot = "." if text else ""
            text += f"[{step}]" if isinstance(step, int) else f"{dot}{_printable(step)}"
        return text

    def given_in(self, origin: Mapping[tuple[str | int, ...], str]) -> str | None:
        """The variable that the value came from: of the value itself, of what it is in, or the only one in it."""
        for length in range(len(self.written), 0, -1):
            if self.written[:length] in origin:
                return origin[self.written[:length]]
        inside = [name for path, name in origin.items() if path[: len(self.written)] == self.written]
        return inside[0] if self.written and len(inside) == 1 else None


def _place_of(loc: Sequence[str | int], known: Mapping[Location, Row]) -> _Place:
    location: Location = ()
    written: tuple[str | int, ...] = ()
    for before, step in zip((None, *loc), loc, strict=False):
        if isinstance(step, int):
            written = (*written, step)
            continue
        if any(other[: len(location) + 1] == (*location, NAME) for other in known):
            location, written = (*location, NAME), (*written, step)
            continue
        location = (*location, step)
        # After a position comes the type of the item, which pydantic puts there and nobody wrote.
        if not (isinstance(before, int) and any(other[: len(location)] == location for other in known)):
            written = (*written, step)
    return _Place(location, written)


def _sentence(detail: ErrorDetails, location: Location, known: Mapping[Location, Row]) -> str:
    kind, given = detail["type"], detail["input"]
    row = known.get(location)
    if kind == "extra_forbidden":
        return _unknown(location, known)
    if kind == "missing":
        return f"is missing: {_wanted(row)}" if row else "is missing"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        kinds = sorted({key[-2] for key in known if key[:-2] == location and key[-1] == "type"})
        return f"needs type: {' or '.join(kinds)}{_was(detail)}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return _section(given, location, known)
    if row is None and location:
        row = known.get(location[:-1])  # an entry under a name that the person chose
    if row is None or not row.allowed:
        return f"must be a list; found {_kind(given)}" if kind == "tuple_type" else _own_words(detail)
    return _value(detail, row)


def _section(given: Any, location: Location, known: Mapping[Location, Row]) -> str:
    row = known.get(location)
    inner = ", ".join(key[-1] for key in known if key[:-1] == location)
    if row is not None and row.allowed:
        inner = row.allowed
    elif any(key[: len(location) + 1] == (*location, NAME) for key in known):
        inner = "names, each with its own settings"
    return f"must hold {inner or 'type, name and more'}; found {_kind(given)}"


def _value(detail: ErrorDetails, row: Row) -> str:
    kind, given = detail["type"], detail["input"]
    value = "" if row.secret else f"{_shown(given)}: "
    own = _own_words(detail) if kind == "value_error" else ""
    if own.startswith("'"):
        return own  # names the part of the value that is wrong
    # "must be" adds nothing to the row, which also has the range.
    return f"{value}{own}" if own and not own.startswith("must be") else f"{value}must be {row.allowed}"


def _own_words(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ")


def _wanted(row: Row) -> str:
    if row.section is not None:
        return f"{row.meaning}; holds {', '.join(row.section.model_fields)}"
    return f"{row.meaning}; {row.allowed}"


def _was(detail: ErrorDetails) -> str:
    tag = detail.get("ctx", {}).get("tag")
    return f", found {_shown(tag)}" if tag is not None else ""


def _unknown(location: Location, known: Mapping[Location, Row]) -> str:
    """No value is shown: an unknown key may well be a ``password``."""
    key = location[-1]
    siblings = [other[-1] for other in known if other[:-1] == location[:-1]]
    elsewhere = [row.path for place, row in known.items() if key in (place[-1], "_".join(place))]
    near = difflib.get_close_matches(key, siblings, n=1, cutoff=SLIP if elsewhere else 0.6)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    if elsewhere:
        return f"unknown key here; there is {' and '.join(elsewhere[:3])}"
    return f"unknown key; known here are {', '.join(siblings)}"


def _printable(text: str) -> str:
    return text[:MAX_VALUE] if text.isprintable() else repr(text[:MAX_VALUE])


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "true or false", str: "text", dict: "keys", list: "a list", tuple: "a list"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _shown(value: Any) -> str:
    """As in the file; sections and long values shortened."""
    if isinstance(value, dict):
        return _kind(value)
    if isinstance(value, tuple):
        value = list(value)
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."
