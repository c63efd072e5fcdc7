"""A YAML reader for one small, possibly hostile file: plain data, YAML 1.2 words, no surprises.

YAML 1.1, which PyYAML implements, reads ``off`` as false and ``1:30`` as 90; 1.2's core schema does not. Aliases are
refused: nine lines of them expand to a billion values. So are repeated keys, of which PyYAML keeps the last.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from monitor.errors import SettingsError

MAX_BYTES: Final = 256 * 1024
"""The example with every setting written out has 10 KiB."""
MAX_DEPTH: Final = 16
"""The settings need 5: alerts, channels, item, key, value."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema of YAML 1.2, bounded depth and neither aliases nor repeated keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's protocol
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"line {mark.line + 1}: aliases (*name) are not read; write the value out")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {line}: a key must be a word")
            if key.value in seen:
                raise yaml.YAMLError(f"line {line}: {key.value[:60]!r} is given twice")
            seen.add(key.value)
            key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]{1,30}", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # decimal: 010 is ten


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def parse_yaml(text: str) -> object:
    """Plain data from YAML text.

    Raises:
        SettingsError: a sentence about what is wrong, with its line; nothing of the text but single words.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SettingsError(f"not YAML: {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"not YAML that can be read here: {str(error).splitlines()[0]}") from None


def read_yaml_file(path: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML file; empty for an empty file.

    Raises:
        SettingsError: it cannot be read, is too long, is not YAML or not a mapping.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path}: longer than {MAX_BYTES} bytes; is it the right file?")
    try:
        tree = parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        found = "a list" if isinstance(tree, list) else "a single value"
        raise SettingsError(f"{path}: must be a mapping with source and budget, found {found}")
    return tree
