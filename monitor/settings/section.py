"""The common part of all sections of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict


class Section(BaseModel):
    """A part of the settings: never changes, knows all its keys, takes no value of another type."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )


def setting(
    default: Any, meaning: str, *, unit: str = "", allowed: str = "", example: Any = None, **bounds: Any
) -> Any:
    """One setting.

    Args:
        default: its default, as a person would write it; ``...`` if it must be given.
        meaning: its effect, for the documentation.
        unit: unit of a number.
        allowed: the allowed values, where neither type nor bounds state them.
        example: for the example file, where the default is none.
        bounds: ``ge``, ``gt``, ``le``, ``lt``, ``min_length``, ``max_length``, ``pattern`` as for pydantic's Field.
    """
    notes: JsonDict = {key: value for key, value in (("unit", unit), ("allowed", allowed)) if value}
    return Field(
        default,
        description=meaning,
        examples=None if example is None else [example],
        json_schema_extra=notes or None,
        **bounds,
    )


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value and "\0" not in value else value


File = Annotated[Path, BeforeValidator(_path, json_schema_input_type=str)]
"""A path; relative ones start at the working directory."""


def _paths(value: object) -> object:
    return tuple(value) if isinstance(value, list) else (value,)


Paths = Annotated[tuple[File, ...], BeforeValidator(_paths, json_schema_input_type=str | list[str])]
"""Several paths: a list, or just one."""
