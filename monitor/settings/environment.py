"""Environment variables over the file: ``DRIFTLINE__BUDGET__PAGES=2`` is ``budget: {pages: 2}``.

pydantic-settings is not used for this: it reads the process's own environment instead of an injected one, ignores
misspelt variables, and does not report which variable a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from monitor.errors import SettingsError
from monitor.settings.yaml_file import parse_yaml

PREFIX: Final = "DRIFTLINE__"
MAX_BYTES: Final = 64 * 1024

Path = tuple[str | int, ...]


def overlay(tree: dict[str, Any], env: Mapping[str, str]) -> tuple[dict[str, Any], dict[Path, str]]:
    """The tree with the environment's values in it, and which variable each of them came from.

    Values are read as YAML, so ``[a, b]`` is a list; text that is no YAML stays text.

    Raises:
        SettingsError: a variable does not name a place in the tree.
    """
    origin: dict[Path, str] = {}
    merged: Any = _copy(tree)
    for name in sorted(env):
        if not name.upper().startswith(PREFIX):
            continue
        keys = name[len(PREFIX) :].lower().split("__")
        if not all(keys):
            raise SettingsError(f"{name}: must be {PREFIX}SECTION__KEY, with two underscores between the words")
        if len(env[name]) > MAX_BYTES:
            raise SettingsError(f"{name}: longer than {MAX_BYTES} characters")
        origin[_put(merged, keys, _value(env[name]), name)] = name
    return merged, origin


def _put(tree: Any, keys: list[str], value: object, name: str) -> Path:
    path: list[str | int] = []
    node: Any = tree
    for position, word in enumerate(keys):
        key: Any = word
        if isinstance(node, list):
            if not (word.isascii() and word.isdigit() and int(word[:9]) < len(node)):
                place = ".".join(str(step) for step in path)
                raise SettingsError(f"{name}: {place} has items 0 to {len(node) - 1}, no {word[:20]}")
            key = int(word)
        path.append(key)
        if position == len(keys) - 1:
            node[key] = value
            break
        below = node[key] if isinstance(node, list) else node.get(word)
        if not isinstance(below, dict | list):
            below = node[key] = {}
        node = below
    return tuple(path)


def _value(text: str) -> object:
    try:
        value = parse_yaml(text)
    except SettingsError:
        return text
    # YAML would cut text at " #" and strip it; quoted text is taken at its word.
    return text if isinstance(value, str) and text[:1] not in "\"'" else value


def _copy(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node
