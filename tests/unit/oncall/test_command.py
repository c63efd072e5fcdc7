"""The settings' section, read with all mistakes at once, and ``driftline oncall``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.errors import SettingsError
from monitor.oncall.policy import weaknesses
from monitor.settings import load_settings
from monitor.wiring.oncall import oncall_plan, typed_instant

HEAD = "source: {kafka: {servers: 127.0.0.1:9092, topics: [guardrail-events]}}\nbudget: {pages: 1}\n"
README = Path(__file__).parents[3] / "monitor/oncall/README.md"
EXAMPLE = README.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]


def written(folder: Path, text: str) -> Path:
    file = folder / "driftline.yaml"
    file.write_text(HEAD + text)
    return file


def run(folder: Path, text: str, *arguments: str) -> Result:
    file = written(folder, text)
    return CliRunner().invoke(main, ["oncall", *arguments, "--config", str(file)], catch_exceptions=False)


def test_the_example_of_the_readme_is_a_plan_without_weaknesses(tmp_path: Path) -> None:
    plan = oncall_plan(load_settings(written(tmp_path, EXAMPLE), env={}))
    assert list(weaknesses(plan, typed_instant("2026-11-30 12:00", "Europe/Berlin"))) == []
    assert plan.active is not None
    at = typed_instant("2026-12-01 12:00", "Europe/Berlin")
    assert plan.reached(plan.active.steps[0], at) == {"ben": ("log",)}
    after = typed_instant("2026-12-01 19:00", "Europe/Berlin")
    assert plan.reached(plan.active.steps[0], after) == {"ann": ("ann-phone",)}
    assert plan.reached(plan.active.steps[1], after) == {"ben": ("log",)}
    assert plan.reached(plan.active.steps[2], after) == {"ann": ("ann-phone",), "ben": ("log",), "": ("log",)}


def test_show_says_who_until_when_and_who_is_next(tmp_path: Path) -> None:
    shown = run(tmp_path, EXAMPLE, "show", "--at", "2026-12-01T12:00Z")
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.output.splitlines()]
    assert lines == [
        "guardrails (Europe/Berlin)",
        "now   ben (rota) until 2026-12-01T18:00:00+01:00",
        "next  ann (rota)",
        "no gap in the next 30 days",
    ]
    (plain,) = json.loads(run(tmp_path, EXAMPLE, "show", "--at", "2026-12-01T12:00Z", "--json").output)
    assert plain["now"]["people"] == ["ben"]
    assert plain["now"]["end"] == "2026-12-01T18:00:00+01:00"
    assert plain["next"]["people"] == ["ann"]


def test_gaps_are_shown_and_make_the_check_fail(tmp_path: Path) -> None:
    holes = EXAMPLE.replace("      fallback: ben\n", "").replace("begin: 2026-11-02 09:00", "begin: 2026-12-07 09:00")
    shown = run(tmp_path, holes, "show", "--at", "2026-12-02T12:00Z")
    assert "now   NOBODY (no layer covers this time) until 2026-12-07T09:00:00+01:00" in shown.output
    checked = run(tmp_path, holes, "check", "--at", "2026-12-02T12:00Z")
    assert checked.exit_code == 1
    assert "nobody is on call from 2026-12-02T13:00:00+01:00 to 2026-12-07T09:00:00+01:00" in checked.output
    assert run(tmp_path, EXAMPLE, "check", "--at", "2026-12-02T12:00Z").exit_code == 0


def test_a_person_whom_no_channel_reaches_and_a_policy_that_can_end_in_silence_are_named(tmp_path: Path) -> None:
    text = EXAMPLE.replace("ben: {contacts: [log]}", "ben: {}").replace("      fallback: ben\n", "")
    text = "\n".join(line for line in text.splitlines() if "all: {people" not in line)
    checked = run(tmp_path, text, "check", "--at", "2026-12-02T12:00Z")
    assert "ben may be on call, and no channel reaches ben" in checked.output
    assert "policy default: pages schedules only" in checked.output


def test_all_mistakes_are_reported_at_once_with_where_they_are(tmp_path: Path) -> None:
    text = """
oncall:
  people: {ann: {contacts: [pager]}}
  schedules:
    one: {zone: Mars/Olympus}
    two:
      zone: Europe/Berlin
      layers: {rota: {people: [ann, bob], begin: 2026-10-25 02:30, every: fortnight, hours: 9-5, days: [son]}}
      overrides:
        dst: {begin: 2026-03-29 02:30, end: 2026-03-30 02:30, add: ann}
        one: {begin: 2026-12-01 09:00, end: 2026-12-02 09:00, add: ann}
        two: {begin: 2026-12-01 10:00, end: 2026-12-01 11:00, remove: ann}
  policies: {default: {steps: {first: {schedules: [three]}, second: {}}}}
  policy: other
"""
    with pytest.raises(SettingsError) as refused:
        oncall_plan(load_settings(written(tmp_path, text), env={}))
    lines = str(refused.value).splitlines()
    for start in (
        "oncall.people.ann.contacts: there is no channel 'pager'; there is log",
        "oncall.schedules.one.zone: 'Mars/Olympus' is no IANA time zone",
        "oncall.schedules.two.layers.rota.people: there is no person 'bob'; there is ann",
        "oncall.schedules.two.layers.rota.begin: 2026-10-25 02:30 exists twice in Europe/Berlin",
        "oncall.schedules.two.layers.rota.every: 'fortnight'",
        "oncall.schedules.two.layers.rota.hours: '9-5'",
        "oncall.schedules.two.layers.rota.days: there is no weekday 'son'",
        "oncall.schedules.two.overrides.dst.begin: 2026-03-29 02:30 does not exist in Europe/Berlin",
        "oncall.schedules.two: two: overrides from 2026-12-01T09:00:00+01:00 and 2026-12-01T10:00:00+01:00 conflict",
        "oncall.policies.default.steps.first.schedules: there is no schedule 'three'",
        "oncall.policies.default.steps.second: pages nobody",
        "oncall.policy: there is no policy 'other'",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert len(lines) == 12
    checked = CliRunner().invoke(main, ["config", "check", "--config", str(tmp_path / "driftline.yaml")])
    assert checked.exit_code == 2


def test_a_refused_time_is_taken_with_the_offset_that_the_message_offers() -> None:
    first = typed_instant("2026-10-25T02:30:00+02:00", "Europe/Berlin")
    assert typed_instant("2026-10-25T02:30:00+01:00", "Europe/Berlin") - first == 3_600_000
