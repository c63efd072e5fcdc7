"""The settings for people: a commented example of all of them, and the values in force with where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Secret

from monitor.settings.catalogue import NAME, Location, Row, rows
from monitor.settings.load import SettingsWithOrigin
from monitor.settings.model import Settings
from monitor.settings.section import Section
from monitor.settings.values import Duration, size_text

DEFAULT: Final = "default"
"""The source of a value that was not given."""

_HEAD: Final = """\
## Settings of Driftline. Lines that begin with one # are defaults, or examples where there is no default:
## take that # away to set them. Durations: 500ms, 10s, 30m, 1h, 7d, or seconds. Bytes: 64KiB, 1MiB, or a
## number. Every setting can also be given as an environment variable: DRIFTLINE__BUDGET__PAGES=2.
"""

Steps = tuple[str | int, ...]


def example() -> str:
    """A settings file with every setting: those that must be given are set, the others are commented out."""
    return "\n".join([_HEAD, *_lines((), indent=0, live=True)]) + "\n"


def _lines(above: Location, *, indent: int, live: bool) -> Iterator[str]:
    catalogue = rows()
    for row in catalogue:
        if row.location[:-1] != above:
            continue
        below = [other for other in catalogue if other.location[: len(row.location)] == row.location][1:]
        # Of the two sources one has to be shown; everything else that is optional is commented out.
        shown = live and (row.required or row.path == "source.kafka")
        if indent == 0:
            yield ""
        yield (
            _line(f"## {_comment(row)}", indent, live=True)
            if live
            else _line(f"# {_comment(row)}", indent, live=False)
        )
        if not below:
            yield _line(f"{row.location[-1]}: {_flow(row.example)}", indent, live=shown)
            continue
        yield _line(f"{row.location[-1]}:", indent, live=shown)
        if row.section is not None:
            yield from _lines(row.location, indent=indent + 2, live=shown)
            continue
        if below[0].location[-2] == NAME:
            yield _line(f"  {NAME}:", indent, live=False)
            yield from _lines((*row.location, NAME), indent=indent + 4, live=False)
            continue
        for kind in dict.fromkeys(other.location[len(row.location)] for other in below):
            yield from _item((*row.location, kind), indent=indent)


def _item(location: Location, *, indent: int) -> Iterator[str]:
    """An item of a list of sections, under the dash."""
    bullet = "- "
    for row in rows():
        if row.location[:-1] != location:
            continue
        if row.location[-1] == "type":
            yield _line(f"{bullet}type: {location[-1]}", indent, live=False)
            bullet = "  "
            continue
        yield _line(f"{bullet}# {_comment(row)}", indent, live=False)
        yield _line(f"{bullet}{row.location[-1]}: {_flow(row.example)}", indent, live=False)


def _comment(row: Row) -> str:
    must = " (must be given)" if row.required and row.allowed else ""
    return f"{row.meaning}{must}{f'; {row.brief}' if row.allowed else ''}"


def _line(text: str, indent: int, *, live: bool) -> str:
    return f"{'' if live else '#'}{' ' * indent}{text}"


def _flow(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True, width=1000)).strip().removesuffix("...").strip()


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the settings file. Ranges of durations are given in words: the schema has no units."""
    schema: dict[str, Any] = _in_words(Settings.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _in_words(node: Any) -> Any:
    if isinstance(node, list):
        return [_in_words(item) for item in node]
    if not isinstance(node, dict):
        return node
    bounds = [node[word]["ms"] for word in ("ge", "le") if isinstance(node.get(word), dict)]
    if not bounds:
        return {key: _in_words(value) for key, value in node.items()}
    low, high = (Duration(ms) for ms in bounds)
    kept = {key: value for key, value in node.items() if key not in ("ge", "le")}
    meaning = f"{node['description']}; " if "description" in node else ""  # of one that may be none, it stands above
    return kept | {"description": f"{meaning}from {low} to {high}"}


def in_force(loaded: SettingsWithOrigin) -> dict[str, Any]:
    """The settings as nested plain data, secrets masked."""
    nested = _plain(loaded.settings, ())
    assert isinstance(nested, dict)  # noqa: S101 - for the type checker: a section is a dict
    return nested


def origins(loaded: SettingsWithOrigin) -> dict[str, tuple[Any, str]]:
    """Path -> (value, where it comes from): ``default``, the file's name, or the variable's name."""
    file = "" if loaded.file is None else str(loaded.file)
    return {_shown(path): (value, source) for path, value, source in _leaves(loaded.settings, (), loaded, file)}


def _leaves(node: Any, path: Steps, loaded: SettingsWithOrigin, source: str) -> Iterator[tuple[Steps, Any, str]]:
    source = loaded.variables.get(path, source)
    if isinstance(node, Section):
        for name in type(node).model_fields:
            given = name in node.model_fields_set and source != DEFAULT
            yield from _leaves(getattr(node, name), (*path, name), loaded, source if given else DEFAULT)
    elif isinstance(node, tuple) and node and isinstance(node[0], Section):
        for position, item in enumerate(node):
            yield from _leaves(item, (*path, position), loaded, source)
    elif isinstance(node, dict) and node and isinstance(next(iter(node.values())), Section):
        for name, item in node.items():
            yield from _leaves(item, (*path, name), loaded, source)
    else:
        yield path, _plain(node, path), source


def _plain(node: Any, path: Steps) -> Any:
    match node:
        case Section():
            return {name: _plain(getattr(node, name), (*path, name)) for name in type(node).model_fields}
        case dict():
            return {name: _plain(item, (*path, name)) for name, item in node.items()}
        case tuple():
            return [_plain(item, path) for item in node]
    return _word(node, path)


def _word(node: Any, path: Steps) -> Any:
    match node:
        case Duration() | Path() | Secret():
            return str(node)
        case float() if node.is_integer():
            return int(node)
        case int() if not isinstance(node, bool) and _units().get(_shown(path, positions=False)) == "bytes":
            return size_text(node)
    return node


def _units() -> Mapping[str, str]:
    return {row.path: row.unit for row in rows()}


def _shown(path: Steps, *, positions: bool = True) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]" if positions else ""
        else:
            text += f".{step}" if text else step
    return text
