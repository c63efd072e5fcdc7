"""The tables of the READMEs of monitor/events/formats and monitor/events/envelopes, rendered from the registries.

Run ``python -m tests.contract.format_tables`` after a change of a format; test_formats.py fails until that is done.
"""

from __future__ import annotations

from pathlib import Path

from monitor.events.batch import ScoreKind
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.format import Detail, Format, Orientation, ThresholdFrom
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.registry import FORMATS
from tests.contract.readme_tables import between

EVENTS = Path(__file__).resolve().parents[2] / "monitor" / "events"
_CANONICAL_DROPS = "text, after its fingerprint; labels; unknown fields"
SEMANTICS = {
    Orientation.high: "`p_unsafe`",
    Orientation.low: "`inverted`",
    Orientation.label: "`label_confidence`",
    Orientation.declared: "`p_unsafe` or `inverted`",
    Orientation.none: "",
}


def formats_table() -> str:
    """Format, score, kind, semantics, orientation, threshold, scale, what is dropped."""
    lines = [
        "| format | score | kind | semantics | unsafe | threshold | scale | dropped |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| `canonical` | `score` | {' | '.join(3 * ['as declared'])} | event | 0 to 1 | {_CANONICAL_DROPS} |",
    ]
    for one in (*FORMATS, mapping_format({"guardrail": "name", "score": "score"}, when="score")):
        lines += _rows(one)
    return "\n".join(lines)


def _rows(one: Format) -> list[str]:
    rows = []
    for place, score in enumerate(one.scores):
        head, tail = (f"`{one.name}`<br>{one.title}", one.dropped) if place == 0 else ("", "")
        cells = (
            head,
            score.of,
            score.kind.name,
            SEMANTICS[score.orientation],
            score.orientation.value,
            score.threshold.value,
            score.scale,
            tail,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def envelopes_table() -> str:
    """Envelope, what it gives, and what is dropped of it."""
    lines = ["| envelope | what it is | fills | dropped |", "| --- | --- | --- | --- |"]
    lines += [f"| `{one.name}` | {one.title} | {one.fills} | {one.dropped} |" for one in ENVELOPES]
    return "\n".join(lines)


def details_table() -> str:
    """Format, where its shape is from, and which details its records can hold."""
    details = [detail.value for detail in Detail]
    columns = ["format", "source", "score", "threshold", *details]
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join(['---'] * len(columns))} |"]
    for one in FORMATS:
        scored = any(score.kind != ScoreKind.boolean for score in one.scores)
        placed = any(score.threshold in (ThresholdFrom.event, ThresholdFrom.vendor) for score in one.scores)
        marks = [scored, placed, *(detail in one.carries for detail in Detail)]
        lines.append(f"| `{one.name}` | {one.source} | {' | '.join('yes' if mark else '' for mark in marks)} |")
    return "\n".join(lines)


TABLES = {"formats": formats_table, "details": details_table, "envelopes": envelopes_table}
_ROOM = {"details": "formats"}
"""The room of a table, where it is not of the table's name."""


def _readme(name: str) -> Path:
    return EVENTS / _ROOM.get(name, name) / "README.md"


def written(name: str) -> str:
    """The table as it stands in the README of its room."""
    text = _readme(name).read_text(encoding="utf-8")
    begin, end = between(text, name)
    return text[begin:end].strip()


def write() -> None:
    """Put the tables in their places."""
    for name, table in TABLES.items():
        readme = _readme(name)
        text = readme.read_text(encoding="utf-8")
        begin, end = between(text, name)
        readme.write_text(f"{text[:begin]}\n{table()}\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    write()
