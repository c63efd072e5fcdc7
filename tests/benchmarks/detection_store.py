"""What the detection benchmark has measured so far: one JSON line for each portion, written as soon as it is done.

store = Store(path)              what earlier runs left, and where this one writes (None: nowhere)
store.portions(family, row)      number to record, of this code and this setting only
fingerprint(module)              what a record depends on: the code of a module and of all that it imports here
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("detectors", "tests")
FAMILIES = "tests.benchmarks.detection_families"
FOREIGN = ("river",)  # packages whose release a record depends on
Record = dict[str, Any]


class Store:
    """Records in memory, each appended to a file: two runs may write to it at once, and a kill loses one portion."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._settings: dict[tuple[str, str, str], Record] = {}
        self._portions: dict[tuple[str, str, str, float, str], dict[int, Record]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self._keep(json.loads(line))
                except ValueError:
                    continue  # the line that a kill cut off

    def add(self, record: Record) -> None:
        """Keeps a record, and writes it."""
        self._keep(record)
        if self._path is not None:
            line = (json.dumps(record) + "\n").encode()
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, line)  # in one call: lines of two writers do not mix
            finally:
                os.close(handle)

    def setting(self, family: str, row: str, module: str, effort: int) -> Record | None:
        """The setting found with at least this effort."""
        found = self._settings.get((family, row, fingerprint(module)))
        return found if found is not None and found["effort"] >= effort else None

    def portions(self, family: str, row: str, module: str, value: float, size: str) -> dict[int, Record]:
        """Number to record, of portions of this size."""
        return self._portions.get((family, row, fingerprint(module), value, size), {})

    def _keep(self, record: Record) -> None:
        place = (record["family"], record["row"], record["code"])
        if "effort" in record:
            if place not in self._settings or self._settings[place]["effort"] < record["effort"]:
                self._settings[place] = record
        else:
            self._portions.setdefault((*place, record["value"], record["size"]), {})[record["portion"]] = record


@lru_cache(maxsize=64)
def fingerprint(module: str) -> str:
    """Of the code, without comments and docstrings, of a module, the families, and all that they import here."""
    digest = hashlib.blake2b(digest_size=8)
    foreign: set[str] = set()
    for name in sorted(_closure(FAMILIES, _closure(module, set(), foreign), foreign)):
        digest.update(f"{name} {ast.dump(_bare(_tree(name)))}".encode())
    for name in sorted(foreign):
        digest.update(f"{name} {version(name)}".encode())
    return digest.hexdigest()


def _closure(module: str, seen: set[str], foreign: set[str]) -> set[str]:
    if module in seen or not _file(module).exists():
        return seen
    seen.add(module)
    for node in ast.walk(_tree(module)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            package = name.split(".", maxsplit=1)[0]
            if package in PACKAGES:
                _closure(name, seen, foreign)
            elif package in FOREIGN:
                foreign.add(package)
    return seen


def _file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_text(encoding="utf-8"))


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree
