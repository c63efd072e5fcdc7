"""Mappings of plain paths and constants as programs of the compiled scanner (:mod:`monitor.events.mapped`).

Only what the scanner surely reads as the interpreter would is compiled: ``a.b``, constants, and a ``when`` of paths,
``!= `null```, comparisons with a quoted word, true or false, and ``&&`` between them. Records whose keys could make
them another format, or an envelope, are left to the reader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from monitor.events import mapped
from monitor.events.columns import LENGTH_BITS, SLOT
from monitor.events.decode import Decoder, Scanned
from monitor.events.formats.expressions import Expression, Scope, plain_path
from monitor.events.formats.mapping import EVIDENCE, Rules, constants_of
from monitor.events.formats.parse import encoded
from monitor.events.formats.thresholds import Thresholds
from monitor.events.general import read
from monitor.events.mapped import Program
from monitor.events.paths import HEAD_BYTES
from monitor.events.reasons import Rejection
from monitor.events.records import RecordBlock
from monitor.events.schema import BY_NAME, FIELDS, VERSION
from monitor.settings.expressions import Tree, tree_of

Scan = Callable[[RecordBlock], Scanned]
Path = tuple[str, ...]
Test = tuple[Path, int, bytes]
"""A path, what is asked of it, and the literal as JSON."""

_WAYS: Final = {
    "verdict": mapped.WORDED,
    "event_id": mapped.NUMBERED,
    "request_id": mapped.NUMBERED,
    "session_id": mapped.NUMBERED,
    "time": mapped.INSTANT,
    "score": mapped.SCALED,
    "threshold": mapped.SCALED,
    "text": mapped.TEXT,
}
_COMPARED: Final = {"eq": mapped.EQUAL, "ne": mapped.DIFFERENT}


class _NotPlainError(Exception):
    """The mapping is left to the interpreter."""


@dataclass(slots=True)
class _Node:
    aside: bool = False
    children: dict[str, _Node] = field(default_factory=dict)


def compiled(
    expressions: Mapping[str, str],
    *,
    when: str,
    highest: float = 1.0,
    verdicts: Sequence[tuple[str, str]] = (),
    aside: Iterable[str] = (),
) -> Program | None:
    """The program of a mapping, with the arguments of :func:`~monitor.events.formats.mapping.mapping_format`.

    Args:
        expressions, when, highest, verdicts: of the mapping.
        aside: keys of a record that leave it to the reader.

    Returns:
        None where an expression is more than a path.
    """
    try:
        return _compiled(expressions, when, highest, dict(verdicts), aside)
    except (_NotPlainError, Rejection):
        return None


def scan_of(decoder: Decoder, program: Program, thresholds: Thresholds) -> Scan:
    """The scan of a block, with the thresholds of the settings where records have none."""

    def scan(block: RecordBlock) -> Scanned:
        scanned = decoder.scan_mapped(block, program)
        if thresholds.by_name:
            _fill_thresholds(block, scanned, thresholds, program.highest)
        return scanned

    return scan


def _compiled(
    expressions: Mapping[str, str], when: str, highest: float, verdicts: dict[str, str], aside: Iterable[str]
) -> Program:
    scope = Scope()
    fields = {name: Expression(name, text, scope) for name, text in expressions.items() if name != "v"}
    words = {said.lower(): verdict for said, verdict in verdicts.items()}
    paths = {name: _path(tree_of(expressions[name])) for name, one in fields.items() if not one.constant}
    tests = list(_tests(tree_of(when)))
    root = _Node(children={key: _Node(aside=True) for key in aside})
    for path in (*paths.values(), *(test[0] for test in tests)):
        _grow(root, path)
    if any(_find(root, path).children for path in paths.values()):
        raise _NotPlainError
    names = bytearray()
    nodes, heads, places = _nodes(root, names)
    return Program(
        nodes=np.array(nodes, np.int64),
        heads=np.array(heads, np.uint64),
        steps=_steps({name: places[path] for name, path in paths.items()}, bool(words)),
        tests=np.array(
            [[places[path], test, *_named(names, token)] for path, test, token in tests], np.int64
        ).reshape(-1, mapped.TEST_COLUMNS),
        words=_words(words, names),
        names=np.frombuffer(bytes(names) or b"\0", np.uint8),
        highest=highest,
        constants=_constants(Rules(fields, words, highest, scope)),
    )


def _path(tree: Tree) -> Path:
    path = plain_path(tree)
    if path is None:
        raise _NotPlainError
    return path


def _tests(tree: Tree) -> Iterable[Test]:
    """What must hold, one by one."""
    if tree["type"] == "and_expression":
        for child in tree["children"]:
            yield from _tests(child)
    elif tree["type"] == "comparator" and tree["value"] in _COMPARED:
        path, literal = tree["children"]
        if literal["type"] != "literal" or not (literal["value"] is None or isinstance(literal["value"], str | bool)):
            raise _NotPlainError
        token = json.dumps(literal["value"], ensure_ascii=False).encode()
        if b"\\" in token:
            raise _NotPlainError
        yield _path(path), _COMPARED[tree["value"]], token
    else:
        yield _path(tree), mapped.TRUE, b""


def _grow(root: _Node, path: Path) -> None:
    node = root
    for key in path:
        node = node.children.setdefault(key, _Node())


def _find(root: _Node, path: Path) -> _Node:
    for key in path:
        root = root.children[key]
    return root


def _nodes(root: _Node, names: bytearray) -> tuple[list[list[int]], list[list[int]], dict[Path, int]]:
    """Rows of the tree, breadth first, the beginnings of the keys, and the row of each path."""
    order: list[tuple[Path, _Node, int]] = [((), root, 0)]
    rows, heads = [], []
    for place, (path, node, parent) in enumerate(order):  # grows while it is walked
        if node.aside and node.children:
            raise _NotPlainError
        key = path[-1].encode("utf-8", "surrogatepass") if path else b""
        rows.append([*_named(names, key), len(order), len(node.children), int(node.aside), parent])
        heads.append(_head(key) + _head(b"\xff" * len(key)))
        order += [((*path, name), child, place) for name, child in node.children.items()]
    return rows, heads, {path: place for place, (path, _, _) in enumerate(order)}


def _head(key: bytes) -> list[int]:
    padded = key[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0")
    return [int.from_bytes(padded[i : i + 8], "little") for i in range(0, HEAD_BYTES, 8)]


def _named(names: bytearray, text: bytes) -> tuple[int, int]:
    """The text's place in the names, and its length."""
    names += text
    return len(names) - len(text), len(text)


def _steps(places: Mapping[str, int], worded: bool) -> Any:
    """A row per field that is read, the text last: its shape is measured where no field gives it."""
    rows = {one.name: place for place, one in enumerate(FIELDS)}
    steps = []
    for name in sorted(places, key=lambda one: (one == "text", one)):
        way = _WAYS.get(name, mapped.AS_IS)
        if way == mapped.WORDED and not worded:
            way = mapped.AS_IS
        steps.append([rows[name], places[name], way, int(name in EVIDENCE)])
    return np.array(steps, np.int64).reshape(-1, mapped.STEP_COLUMNS)


def _words(words: Mapping[str, str], names: bytearray) -> Any:
    codes = BY_NAME["verdict"].spellings
    if any(not said.isascii() or said != said.strip() or not said for said in words):
        raise _NotPlainError
    rows = [[*_named(names, said.encode()), codes[verdict]] for said, verdict in words.items()]
    return np.array(rows, np.int64).reshape(-1, mapped.WORD_COLUMNS)


def _constants(rules: Rules) -> Mapping[str, str | bytes | int | float]:
    """The constants as the canonical decoder reads them.

    Raises:
        Rejection: it does not; the interpreter says so for every record.
    """
    event = constants_of(rules)
    if "text" in event:
        raise _NotPlainError
    named = {"guardrail": "any", "verdict": "allow"} | event  # so that what it checks across fields is there
    found = read(encoded({"v": VERSION, **named}), has_timestamp=True, max_depth=2)
    return {name: value for name, value in found.items() if name in event}


def _fill_thresholds(block: RecordBlock, scanned: Scanned, thresholds: Thresholds, highest: float) -> None:
    """Those of the settings, by guardrail and category, for scores without one."""
    columns, slots = scanned.columns, (SLOT["guardrail"], SLOT["category"])
    numbers = columns.cells.view(np.float64)
    score, threshold = numbers[SLOT["score"]], numbers[SLOT["threshold"]]
    rows = np.flatnonzero(scanned.keep & np.isnan(threshold) & ~np.isnan(score))
    pairs, first, inverse = np.unique(
        columns.cells[slots, :][:, rows], axis=1, return_index=True, return_inverse=True
    )
    for place in range(pairs.shape[1]):
        guardrail, category = (_text(block, scanned, slot, int(rows[first[place]])) for slot in slots)
        known = thresholds.scaled(guardrail, category, high=highest)
        if known is not None:
            threshold[rows[inverse.reshape(-1) == place]] = known


def _text(block: RecordBlock, scanned: Scanned, slot: int, row: int) -> str | None:
    """A vocabulary string of a row."""
    columns = scanned.columns
    span = int(columns.span[slot, row])
    start, length = span >> LENGTH_BITS, span & (1 << LENGTH_BITS) - 1
    if length:
        return block.buffer[start : start + length].tobytes().decode()
    return scanned.aside.get(int(columns.cells[slot, row]))
