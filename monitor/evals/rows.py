"""Reads a file of results: JSON, JSON lines or CSV, one row per metric and slice, or one per item.

    suite,metric,slice,n,k                    k of n
    suite,metric,slice,item,outcome           one item: 1 if it is among the k; compared with the same item before
    suite,metric,slice,item,old,new           one item through both versions

Optional in every row: ``slice``, ``worse`` (higher or lower, see ``Worse``), ``model`` and ``version``. Nothing else
is accepted, for a misspelt ``worse`` would turn every verdict round. All mistakes are reported at once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.errors import Refused
from monitor.evals.model import Pairs, Result, Worse
from monitor.incidents.words import plain

MOST_ROWS: Final = 200_000
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_EVENTS: Final = 1_000_000_000
LONGEST: Final = 200
REPORTED: Final = 10
"""Mistakes that are reported of a file."""
FIELDS: Final = ("suite", "metric", "slice", "n", "k", "item", "outcome", "old", "new", "worse", "model", "version")
KINDS: Final = (("n", "k"), ("item", "outcome"), ("item", "old", "new"))
TRUE: Final = frozenset({"1", "true", "yes", "pass", "passed"})
FALSE: Final = frozenset({"0", "false", "no", "fail", "failed"})


class _Mistake(Exception):  # noqa: N818 - becomes one line of an error
    """A mistake in one row."""


@dataclass(slots=True)
class _Sum:
    """The rows of one metric and slice so far."""

    worse: Worse
    kind: tuple[str, ...]
    n: int = 0
    k: int = 0
    items: dict[str, bool] = field(default_factory=dict)
    pairs: list[int] = field(default_factory=lambda: [0, 0, 0])


@dataclass(frozen=True, slots=True)
class File:
    """The contents of a file."""

    model: str
    version: str
    results: tuple[Result, ...]


def read(content: bytes, *, model: str | None, version: str | None) -> File:
    """The results of a file.

    Args:
        content: the file.
        model, version: for rows that do not name them; where both do, they must be equal.

    Raises:
        Refused: a line per mistake: row, field, value and the way out.
    """
    if len(content) > MOST_BYTES:
        raise Refused(f"the file has {len(content):,} bytes, more than {MOST_BYTES:,}; split it by suite")
    sums: dict[tuple[str, str, str], _Sum] = {}
    about = {"model": model, "version": version}
    mistakes: list[str] = []
    rows = 0
    for number, row in _rows(content):
        rows += 1
        if rows > MOST_ROWS:
            mistakes.append(f"row {number}: more than {MOST_ROWS:,} rows; split the file by suite")
            break
        try:
            _take(row, sums, about)
        except _Mistake as mistake:
            mistakes.append(f"row {number}: {mistake}")
            if len(mistakes) == REPORTED:
                mistakes.append("... and perhaps more")
                break
    if not rows:
        raise Refused("the file holds no rows; give suite, metric, n and k per row")
    for name, value in about.items():
        if not value and not mistakes:
            mistakes.append(f"{name}: no row names it; add a {name} column or --{name}")
    if mistakes:
        raise Refused("\n".join(mistakes))
    results = tuple(_result(key, sums[key]) for key in sorted(sums))
    return File(str(about["model"]), str(about["version"]), results)


def _rows(content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(number, row), from 1; the number of a JSON line or CSV row is that of its line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"byte {error.start} is not UTF-8; save the file as UTF-8") from None
    start = text.lstrip()[:1]
    if start == "[":
        yield from enumerate(_objects(_json(text, "the file"), "the file"), 1)
    elif start == "{":
        yield from _json_rows(text)
    else:
        reader = csv.reader(io.StringIO(text), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    if len(cells) != len(header):
                        raise Refused(f"row {reader.line_num}: {len(cells)} cells under a header of {len(header)}")
                    yield reader.line_num, {n: c for n, c in zip(header, cells, strict=True) if c.strip()}
        except csv.Error as error:
            raise Refused(f"row {reader.line_num}: {error}; quote cells that hold commas or line breaks") from None


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """One document with its results, or one row per line."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict) and "results" in whole:
        shared = {name: value for name, value in whole.items() if name != "results"}
        for number, row in enumerate(_objects(whole["results"], "results"), 1):
            yield number, shared | dict(row)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, _object(_json(line, f"row {number}"), f"row {number}")


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(
            f"{where}: not JSON ({plain(str(error))}); one object per line, or one array of objects"
        ) from None


def _objects(value: Any, where: str) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise Refused(f"{where}: {plain(repr(value))} is not an array of objects")
    for number, row in enumerate(value, 1):
        yield _object(row, f"row {number}")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{where}: {plain(repr(value))} is not an object with suite, metric, n and k")
    return value


def _take(row: Mapping[str, Any], sums: dict[tuple[str, str, str], _Sum], about: dict[str, str | None]) -> None:
    unknown = sorted(str(name) for name in row if name not in FIELDS)
    if unknown:
        raise _Mistake(f"{plain(unknown[0])}: no such field; take it out, or call it one of {', '.join(FIELDS)}")
    given = {name for name, value in row.items() if value is not None}
    kind = next((kind for kind in KINDS if given >= set(kind)), None)
    if kind is None or given & {"n", "k", "item", "outcome", "old", "new"} != set(kind):
        raise _Mistake("give n and k, or item and outcome, or item, old and new")
    key = (_text(row, "suite"), _text(row, "metric"), _text(row, "slice") if "slice" in given else "")
    worse = _worse(row)
    one = sums.setdefault(key, _Sum(worse, kind))
    name = "/".join(part for part in key if part)
    if one.worse is not worse or one.kind != kind:
        what = "worse" if one.worse is not worse else "item"
        raise _Mistake(f"{what}: {name} has rows of two kinds; use one kind for all")
    for field_ in ("model", "version"):
        if field_ in given:
            value = _text(row, field_)
            if about[field_] not in (None, value):
                raise _Mistake(
                    f"{field_}: {value!r} beside {about[field_]!r}; record each {field_} from a file of its own"
                )
            about[field_] = value
    _add(row, one, kind, name)


def _add(row: Mapping[str, Any], one: _Sum, kind: tuple[str, ...], name: str) -> None:
    if kind == ("n", "k"):
        n, k = _whole(row, "n"), _whole(row, "k")
        if one.n:
            raise _Mistake(f"metric: {name} comes twice; give it once, or a slice to each")
        if not n or k > n:
            raise _Mistake(f"k: {k} of n = {n}; n must be at least 1, and k at most n")
        one.n, one.k = n, k
        return
    item = hashlib.sha256(str(row["item"]).encode("utf-8", "surrogatepass")).hexdigest()[:24]
    if item in one.items:
        raise _Mistake(f"item: {plain(str(row['item']))!r} comes twice in {name}; give each item once")
    hit = _flag(row, kind[-1])
    one.items[item] = hit
    one.n, one.k = one.n + 1, one.k + hit
    if kind == KINDS[2]:
        worse_now = int(hit) - int(_flag(row, "old"))
        one.pairs[worse_now if one.worse is Worse.when_high else -worse_now] += 1  # -1 better, 0 same, 1 worse


def _result(key: tuple[str, str, str], one: _Sum) -> Result:
    same, worse, better = one.pairs
    return Result(
        suite=key[0],
        metric=key[1],
        slice=key[2],
        worse=one.worse,
        n=one.n,
        k=one.k,
        items=one.items,
        pairs=Pairs(better=better, worse=worse, same=same) if one.kind == KINDS[2] else None,
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Mistake(f"{name}: {plain(repr(value))} is not a name; give 1 to {LONGEST} characters")
    text = str(value).strip()
    if not text or len(text) > LONGEST or plain(text, longest=LONGEST) != " ".join(text.split()):
        raise _Mistake(f"{name}: {plain(repr(text))} is not a name; give 1 to {LONGEST} printable characters")
    return text


def _worse(row: Mapping[str, Any]) -> Worse:
    value = row.get("worse") or Worse.when_high.value
    try:
        return Worse(str(value).strip().lower())
    except ValueError:
        raise _Mistake(
            f"worse: {plain(repr(value))}; use higher or lower: the direction in which the metric is worse"
        ) from None


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row[name]
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MOST_EVENTS:
        raise _Mistake(f"{name}: {plain(repr(value))} is not a whole number from 0 to {MOST_EVENTS:,}")
    return number


def _flag(row: Mapping[str, Any], name: str) -> bool:
    text = str(row[name]).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise _Mistake(f"{name}: {plain(repr(row[name]))} is neither 0 nor 1; use 1 if the item counts towards k")
