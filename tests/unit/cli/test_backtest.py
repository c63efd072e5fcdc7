"""What `driftline backtest` prints of findings: both moments, what happened, and one spelling of times in JSON."""

from __future__ import annotations

import json
import re

import msgspec

from monitor.cli.backtest import PIPE_COLUMNS, finding_json, found_table
from monitor.findings.model import Finding
from tests.unit.alerting.record import HOUR, MINUTE, T0, notice, page


def test_a_page_that_was_a_notice_first_shows_when_it_was_seen_and_when_it_paged() -> None:
    upgraded = msgspec.structs.replace(page(onset=T0), paged_at_ms=T0 + 20 * MINUTE)
    text = found_table([upgraded, notice("f2", onset=T0 + HOUR)], width=PIPE_COLUMNS)
    assert "2026-11-23 03:14 UTC  03:32 UTC             page" in text
    assert re.search(r"2026-11-23 04:14 UTC  - +notice", text)
    assert "prompt-injection (jailbreak): crowding of scores at the decision threshold" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= PIPE_COLUMNS


def test_long_names_are_wrapped_and_not_cut_off() -> None:
    name = "a-guardrail-with-a-name-of-" + "x" * 40
    text = found_table([page(guardrail=name)], width=PIPE_COLUMNS)
    assert name in text
    assert max(map(len, text.splitlines())) <= PIPE_COLUMNS


def test_every_time_in_json_has_one_spelling() -> None:
    said = finding_json(page())
    assert said.keys() == {"type", *(field.name for field in msgspec.structs.fields(Finding))}
    times = {key for key, value in said.items() if isinstance(value, int) and value > 10**12}
    assert times == {"onset_low_ms", "onset_high_ms", "detected_at_ms", "paged_at_ms"}
    assert json.dumps(said)
