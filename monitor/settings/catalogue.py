"""Every setting as one row, read off the models: what documentation, example and error messages are made of."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from monitor.settings.model import Settings
from monitor.settings.section import File, Paths, Section
from monitor.settings.values import (
    DURATION_FORMS,
    SIZE,
    SIZE_FORMS,
    DatabaseUrl,
    Duration,
    WebhookUrl,
    size_text,
)

Location = tuple[str, ...]
"""Keys from the top. An item of a list of sections is its type: ``("alerts", "channels", "webhook", "url")``; one of
sections by name is :data:`NAME`: ``("signals", "NAME", "weight")``."""

NAME: Final = "NAME"
"""In place of a name that the person chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting, or one section.

    Attributes:
        location: its keys.
        path: the same for people: ``alerts.channels[webhook].url``.
        meaning: what it does.
        allowed: which values it takes; empty for a section.
        required: whether it must be given wherever its section is.
        default: its default as plain data; None is none.
        example: a value worth showing; the default if there is one.
        section: the model behind it, for a section.
        secret: whether its value is never shown in full.
        unit: unit of a number.
    """

    location: Location
    path: str
    meaning: str
    allowed: str
    required: bool
    default: Any
    example: Any
    section: type[Section] | None
    secret: bool
    unit: str

    @property
    def brief(self) -> str:
        """``allowed`` without the forms of durations and sizes, for lists that explain these once."""
        return self.allowed.replace(f"{DURATION_FORMS};", "a duration,").replace(f"{SIZE_FORMS};", "bytes,")


def rows() -> tuple[Row, ...]:
    """All sections and settings, a section before its settings, in the order of the models."""
    return tuple(_walk(Settings, (), ""))


def _walk(model: type[Section], location: Location, path: str) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        here, shown = (*location, name), f"{path}.{name}" if path else name
        inner = _sections(field.annotation)
        in_list = _in_list(field.annotation)
        yield _row(
            field,
            here,
            shown,
            inner[0] if inner and not (in_list or _by_name(field.annotation)) else None,
            is_section=bool(inner),
        )
        for section in inner:
            if _by_name(field.annotation):
                yield from _walk(section, (*here, NAME), f"{shown}.{NAME}")
            elif in_list:
                kind = get_args(section.model_fields["type"].annotation)[0]
                yield from _walk(section, (*here, kind), f"{shown}[{kind}]")
            else:
                yield from _walk(section, here, shown)


def _row(field: FieldInfo, location: Location, path: str, section: type[Section] | None, *, is_section: bool) -> Row:
    notes = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = str(notes.get("unit", ""))
    default = None if field.default is PydanticUndefined else field.default
    if isinstance(default, Section):
        default = None
    return Row(
        location=location,
        path=path,
        meaning=field.description or "",
        allowed="" if is_section else str(notes.get("allowed") or _allowed(field, unit)),
        required=field.is_required(),
        default=default,
        example=field.examples[0] if field.examples else default,
        section=section,
        secret=bool({DatabaseUrl, WebhookUrl} & set(_leaves(field.annotation))),
        unit=unit,
    )


def _leaves(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType, tuple):
        for part in get_args(annotation):
            yield from _leaves(part)
    elif get_origin(annotation) is dict:
        yield from _leaves(get_args(annotation)[1])
    else:
        yield annotation


def _sections(annotation: Any) -> list[type[Section]]:
    return [leaf for leaf in _leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, Section)]


def _in_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _by_name(annotation: Any) -> bool:
    return get_origin(annotation) is dict


_WORDS: Final = ((str, "text"), (File, "a path"), (Paths, "paths"))


def _allowed(field: FieldInfo, unit: str) -> str:
    annotation = field.annotation
    kinds = [leaf for leaf in _leaves(annotation) if leaf not in (types.NoneType, Ellipsis)]
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return _one_of([str(word) for word in get_args(kind)])
    if kind is bool:
        return "true or false"
    if kind is Duration:
        return f"{DURATION_FORMS}; {_range(field, str)}"
    if kind is int and SIZE in field.metadata:
        return f"{SIZE_FORMS}; {_range(field, size_text)}"
    if kind in (int, float):
        number = "a whole number" if kind is int else "a number"
        return f"{number}{f' of {unit}' if unit != 'port' else ''}, {_range(field, _plain)}"
    return _text(field, "a path" if kind.__name__ == "Path" else "text")


def _text(field: FieldInfo, noun: str) -> str:
    limit = next((m.max_length for m in field.metadata if isinstance(m, annotated_types.MaxLen)), None)
    return noun if limit is None else f"{noun} of 1 to {limit} characters"


def _range(field: FieldInfo, show: Any) -> str:
    low = high = ""
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=value):
                low = f"from {show(value)}"
            case annotated_types.Gt(gt=value):
                low = f"more than {show(value)}"
            case annotated_types.Le(le=value):
                high = f"to {show(value)}" if low.startswith("from") else f"at most {show(value)}"
            case _:
                pass
    return " ".join(part for part in (low, high) if part) if low.startswith("from") else f"{low}, {high}"


def _plain(value: float) -> str:
    return f"{value:,}"


def _one_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
