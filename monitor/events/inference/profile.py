"""Contents of the fields of a sample: types, ranges, distinct values; sums and short words, never a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.events.formats.parse import parsed_text
from monitor.events.formats.values import instant, number

MAX_PATHS: Final = 400
MAX_DEPTH: Final = 6
MAX_DISTINCT: Final = 1_000
"""Most distinct values that are kept; beyond that a field is taken to have as many as records."""
MAX_WORD: Final = 40
"""Characters; longer texts are counted and not kept."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(slots=True)
class Profile:
    """One field.

    Attributes:
        path: a JMESPath expression.
        records: of the sample, the ones without this field too.
        values: of each record its value, None where it has none; long texts only as their hash.
        texts, booleans, numbers, spelled, times: how many values are of which kind; spelled are numbers in quotes.
        longest, characters: of texts.
    """

    path: str
    records: int
    values: list[Any] = field(default_factory=list)
    texts: int = 0
    booleans: int = 0
    numbers: int = 0
    spelled: int = 0
    times: int = 0
    longest: int = 0
    characters: int = 0
    distinct: Counter[Any] = field(default_factory=Counter)

    @property
    def present(self) -> int:
        """Records that have it."""
        return self.texts + self.booleans + self.numbers

    @property
    def variety(self) -> float:
        """Distinct values as a share of the values."""
        return len(self.distinct) / self.present if self.present else 0.0

    @property
    def name(self) -> frozenset[str]:
        """The words of its last key, in lower case."""
        return words_of(self.path.rsplit(".", 1)[-1])

    @property
    def near(self) -> frozenset[str]:
        """The words of its last two keys."""
        return words_of(".".join(self.path.rsplit(".", 2)[-2:]))

    @property
    def around(self) -> frozenset[str]:
        """The words of all its keys."""
        return words_of(self.path)

    def add(self, value: Any) -> None:
        """The value of the next record."""
        kept: Any = value
        if isinstance(value, bool):
            self.booleans += 1
        elif number(value) is not None:
            self.numbers += 1
            self.times += value > 1e9 and instant(value) is not None
        elif isinstance(value, str):
            self.texts += 1
            self.longest = max(self.longest, len(value))
            self.characters += len(value)
            self.spelled += _spelled(value) is not None
            self.times += instant(value) is not None
            kept = value if len(value) <= MAX_WORD else hash(value)
        else:
            kept = None
        self.values.append(kept)
        if kept is not None and (len(self.distinct) < MAX_DISTINCT or kept in self.distinct):
            self.distinct[kept] += 1

    def as_numbers(self) -> list[float | None]:
        """The values as numbers, those in quotes too."""
        return [
            _spelled(value) if isinstance(value, str) else None if isinstance(value, bool) else number(value)
            for value in self.values
        ]


def words_of(path: str) -> frozenset[str]:
    """The words of a path: ``result.isBlocked_now`` is result, is, blocked, now."""
    return frozenset(token.lower() for token in _TOKEN.findall(path))


def profiles(records: Sequence[Any]) -> list[Profile]:
    """The plain fields of the records, in the order in which they first appear, also inside JSON in a text."""
    found: dict[str, Profile] = {}
    for place, record in enumerate(records):
        for path, value in _leaves(record, "", MAX_DEPTH):
            profile = found.get(path)
            if profile is None:
                if len(found) >= MAX_PATHS:
                    continue
                profile = found[path] = Profile(path, len(records))
            profile.values += [None] * (place - len(profile.values))
            if len(profile.values) == place:
                profile.add(value)
    for profile in found.values():
        profile.values += [None] * (len(records) - len(profile.values))
    return list(found.values())


def groups(records: Sequence[Any]) -> Iterator[tuple[str, list[list[Any]]]]:
    """Arrays of several objects of one kind: an expression of the array, and each record's elements.

    Objects whose values are all objects are unrolled by ``items``: their elements have ``key`` and ``value``.
    """
    paths: dict[str, int] = {}
    for record in records:
        for path, _ in _arrays(record, "", MAX_DEPTH):
            paths[path] = paths.get(path, 0) + 1
    for path in sorted(paths, key=lambda one: -paths[one])[:20]:
        yield (
            path,
            [next((items for at, items in _arrays(record, "", MAX_DEPTH) if at == path), []) for record in records],
        )


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    inside = value
    if isinstance(value, str) and value[:1] == "{" and path:
        inside, path = parsed_text(value, max_depth=MAX_DEPTH), f"json({path})"
    if isinstance(inside, dict) and depth:
        for key, below in inside.items():
            yield from _leaves(below, _step(path, key), depth - 1)
    elif path and not isinstance(value, dict | list):
        yield path.removeprefix("json(").removesuffix(")") if inside is None and value is not None else path, value


def _arrays(value: Any, path: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, str) and value[:1] in ("{", "[") and path:
        value, path = parsed_text(value, max_depth=MAX_DEPTH), f"json({path})"
    if isinstance(value, list) and path:
        objects = [one for one in value if isinstance(one, dict)]
        if objects and len(objects) == len(value):
            yield path, objects
    elif isinstance(value, dict) and depth:
        inner = list(value.values())
        if path and len(inner) > 1 and all(isinstance(one, dict) and one for one in inner) and _alike(inner):
            yield f"items({path})", [{"key": key, "value": one} for key, one in value.items()]
        for key, below in value.items():
            yield from _arrays(below, _step(path, key), depth - 1)


def _alike(objects: Iterable[dict[str, Any]]) -> bool:
    return bool(frozenset.intersection(*(frozenset(one) for one in objects)))


def _step(path: str, key: str) -> str:
    name = key if _PLAIN_KEY.fullmatch(key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{path}.{name}" if path else name


def _spelled(text: str) -> float | None:
    if not 0 < len(text) <= 24 or not (text[-1].isdigit() and text.isascii()):
        return None
    try:
        return number(float(text))
    except ValueError:
        return None
