"""The table of signals in the README is that of the registry."""

from __future__ import annotations

import re
from pathlib import Path

import monitor.pipeline
from monitor.pipeline.signals import SIGNALS

README = (Path(monitor.pipeline.__file__).parent / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## Signals\n")[1].split("\n## ")[0]


def test_the_readme_s_table_has_every_signal_with_what_may_page() -> None:
    rows = [line.split("|")[1:-1] for line in SECTION.splitlines() if line.startswith("| `")]
    told = sorted((row[0].strip(" `"), re.findall(r"`(\w+)`", row[3])) for row in rows)
    assert told == sorted((signal.name, [question.name for question in signal.questions]) for signal in SIGNALS)
