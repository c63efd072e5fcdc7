"""The table of promises in monitor/judging/README.md, rendered from what the judge states.

Run ``python -m tests.contract.promise_tables`` after a change of a signal or a rule; test_signals_docs.py fails until
that is done.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import monitor.judging
from monitor.judging.findings.promises import Stated, stated
from tests.contract.readme_tables import between

README = Path(monitor.judging.__file__).parent / "README.md"


def promises_table() -> str:
    """Signal, its questions, what may come of them, the null, the promise; questions that agree share a row."""
    lines = ["| signal | question | may say | an alarm is false while | promise |", "| --- | --- | --- | --- | --- |"]
    for _, group in groupby(stated(), key=_alike):
        rows = list(group)
        one, names = rows[0], ", ".join(f"`{row.question}`" for row in rows)
        lines.append(f"| `{one.signal}` | {names} | {one.may} | {one.null.value} | {one.promise.value} |")
    return "\n".join(lines)


def _alike(one: Stated) -> tuple[str, ...]:
    return one.signal, one.may, one.null.value, one.promise.value


def written() -> str:
    """The table as it stands in the README."""
    text = README.read_text(encoding="utf-8")
    begin, end = between(text, "promises")
    return text[begin:end].strip()


def write() -> None:
    """Put it in its place."""
    text = README.read_text(encoding="utf-8")
    begin, end = between(text, "promises")
    README.write_text(f"{text[:begin]}\n{promises_table()}\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    write()
