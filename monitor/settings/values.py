"""Values that people write with a unit, and values that must not be shown."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, Secret
from pydantic_core import CoreSchema, core_schema

from monitor.clock import DAY_MS, HOUR_MS

MASK: Final = "***"

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": HOUR_MS, "d": DAY_MS}
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?(ms|s|m|h|d)")
DURATION_FORMS: Final = "a duration such as 500ms, 10s, 30m, 1h or 7d, or a number of seconds"

_SIZE_UNITS: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?(|B|KiB|MiB|GiB)")
SIZE_FORMS: Final = "bytes such as 65536, 64KiB or 1MiB"


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in whole milliseconds; written as ``500ms``, ``10s``, ``30m``, ``1h``, ``7d``."""

    ms: int

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.ms / 1000.0

    def __str__(self) -> str:
        """In the largest unit that needs no fraction: ``90s``, not ``1.5m``."""
        unit = next((unit for unit in ("d", "h", "m", "s") if self.ms and self.ms % _UNITS_MS[unit] == 0), "ms")
        return f"{self.ms // _UNITS_MS[unit]}{unit}" if self.ms else "0s"

    @classmethod
    def parse(cls, value: object) -> Duration:
        """From text with a unit, or from a number of seconds.

        Raises:
            ValueError: naming the forms.
        """
        if isinstance(value, Duration):
            return value
        milliseconds: float | None = None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12:
            milliseconds = value * 1000
        elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
            milliseconds = float(match[1]) * _UNITS_MS[match[2]]
        if milliseconds is None or not math.isfinite(milliseconds) or milliseconds < 0:
            raise ValueError(f"must be {DURATION_FORMS}")
        if abs(milliseconds - round(milliseconds)) > 1e-6:
            raise ValueError("is finer than a millisecond")
        return cls(round(milliseconds))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        pattern = r"^[0-9]{1,12}(\.[0-9]{1,3})? ?(ms|s|m|h|d)$"
        return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", "minimum": 0}]}


def size_of(value: object) -> int:
    """Bytes from ``1MiB``, ``64KiB`` or a whole number.

    Raises:
        ValueError: naming the forms.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(match[1]) * _SIZE_UNITS[match[2]]
    raise ValueError(f"must be {SIZE_FORMS}")


def size_text(size: int) -> str:
    """The shortest way to write a size exactly."""
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if size and size % _SIZE_UNITS[unit] == 0), "")
    return f"{size // _SIZE_UNITS[unit]}{unit}"


SIZE: Final = BeforeValidator(size_of, json_schema_input_type=int | str)
Size = Annotated[int, SIZE]
"""Bytes."""


def _word(value: object) -> object:
    """YAML reads ``client_id: 7`` as a number; a word was meant."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _words(value: object) -> object:
    """A list, or what Kafka's own tools take: one string with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, list) else value


Word = Annotated[str, BeforeValidator(_word, json_schema_input_type=str | int)]
"""Text; a whole number is taken as its digits."""
Words = Annotated[tuple[Word, ...], BeforeValidator(_words, json_schema_input_type=str | list[str | int])]
"""Several words: a list, or one text with commas between them."""


class DatabaseUrl(Secret[str]):
    """A database URL; shown without its password."""

    def _display(self) -> str:
        return masked_database(self.get_secret_value())


class WebhookUrl(Secret[str]):
    """A webhook's URL; shown without path and query, which are its secret at Slack and others."""

    def _display(self) -> str:
        try:
            parts = urlsplit(self.get_secret_value())
            return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}/{MASK}"
        except ValueError:
            return MASK


def masked_database(url: str) -> str:
    """A database URL without what may be a secret: the password, and every query value that could be one."""
    scheme, separator, rest = url.partition("://")
    # A careless password may hold any of @ / ?: everything before the last @ is taken for user and password.
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    place = re.sub(r"(?i)([^?&=]*pass[^?&=]*=)[^&]*", rf"\g<1>{MASK}", place)
    return f"{scheme}{separator}{user}{colon and colon + MASK}{at}{place}" if separator else MASK
