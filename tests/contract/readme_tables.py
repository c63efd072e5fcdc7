"""The tables of settings (monitor/settings/README.md) and metrics (monitor/web/README.md), rendered from the code.

Run ``python -m tests.contract.readme_tables`` after a change of either; test_metrics_docs.py and test_cli.py fail
until that is done.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from monitor.metrics import Metrics
from monitor.settings.catalogue import Row, rows

ROOMS = Path(__file__).resolve().parents[2] / "monitor"


def settings_table() -> str:
    """Every setting: path, default, allowed values, meaning."""
    lines = ["| setting | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{row.path}` | {_default(row)} | {_cell(row.brief)} | {_cell(row.meaning)} |"
        for row in rows()
        if row.allowed
    ]
    return "\n".join(lines)


def metrics_table() -> str:
    """Every metric: name, kind, labels, unit, most label sets, meaning."""
    lines = ["| metric | kind | labels (at most) | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for metric in Metrics(CollectorRegistry()).definitions:
        labels = f"{', '.join(metric.labels)} ({metric.most:,})" if metric.labels else ""
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.unit} | {_cell(metric.meaning)} |")
    return "\n".join(lines)


TABLES = {"settings": settings_table, "metrics": metrics_table}
READMES = {"settings": ROOMS / "settings" / "README.md", "metrics": ROOMS / "web" / "README.md"}


def between(text: str, name: str) -> tuple[int, int]:
    """Where the table of this name begins and ends in the text."""
    begin, end = (text.index(mark) for mark in (f"<!-- {name}: begin -->", f"<!-- {name}: end -->"))
    return begin + len(f"<!-- {name}: begin -->"), end


def written(name: str) -> str:
    """The table as it stands in the README."""
    text = READMES[name].read_text(encoding="utf-8")
    begin, end = between(text, name)
    return text[begin:end].strip()


def write() -> None:
    """Put both tables in their places."""
    for name, table in TABLES.items():
        text = READMES[name].read_text(encoding="utf-8")
        begin, end = between(text, name)
        READMES[name].write_text(f"{text[:begin]}\n{table()}\n{text[end:]}", encoding="utf-8")


def _default(row: Row) -> str:
    if row.required:
        return "must be given"
    match row.default:
        case None:
            return "none"
        case bool():
            return f"`{str(row.default).lower()}`"
    return f"`{row.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("{", "&#123;")


if __name__ == "__main__":
    write()
