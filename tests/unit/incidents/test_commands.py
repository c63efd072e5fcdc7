"""``driftline incidents`` on a real database file."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from monitor.alerting.deliver import deliver_step
from monitor.cli import main
from monitor.cli.incidents_screen import LINES
from monitor.cli.incidents_view import WIDTH
from monitor.findings.model import Contribution, Near, Unit
from monitor.incidents.controls import Control
from tests.unit.alerting.record import HOUR, MINUTE, T0, Judge, ended, notice, page, sqlite_stores

Run = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    monkeypatch.setenv("DRIFTLINE_DATABASE", f"sqlite:///{tmp_path / 'driftline.db'}")
    return tmp_path / "driftline.db"


@pytest.fixture
def judge(database: Path) -> Iterator[Judge]:
    with sqlite_stores(f"sqlite:///{database}") as stores:
        judge = Judge(stores)
        judge.finds(page())
        judge.finds(page("f2", onset=T0 + 5 * MINUTE, signal="coverage", question="not_run_rise"))
        judge.finds(notice("f3", onset=T0 + 6 * MINUTE))
        judge.finds(page("f4", guardrail="toxicity"))
        yield judge


@pytest.fixture
def run(database: Path) -> Run:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["incidents", *arguments])

    return run


def test_list_shows_the_newest_first_and_filters(judge: Judge, run: Run) -> None:
    shown = run("list")
    assert shown.exit_code == 0
    assert shown.output.index("INC-2") < shown.output.index("INC-1")
    assert "critical" in shown.output
    assert "INC-1" not in run("list", "--guardrail", "toxicity").output
    assert run("list", "--status", "closed").output == "No incidents like that.\n"
    assert [each["name"] for each in json.loads(run("list", "--json").output)] == ["INC-2", "INC-1"]


def test_the_first_screen_answers_what_a_person_asks_first(judge: Judge, run: Run) -> None:
    shown = run("show", "INC-1")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(shown.output.split())
    for part in (
        "INC-1 critical open since 2026-11-23 03:14 UTC",
        "share of requests that the guardrail did not judge 2 % -> 28 % since 03:17 UTC What",
        "What fail open: requests are not judged",
        "Since 2026-11-23 03:12 UTC to 03:13 UTC; first page 03:14 UTC; not over yet",
        "How sure 412 events; proved, if requests are independent: false alarms stay within the budget",
        "How large 28 %, baseline 2 %, at most 4 % approved",
        "Where prompt-injection (jailbreak) 2",
        "Log guardrail-events-0 offsets 1200 to 1799",
        "Also 03:12 UTC, crowding of scores at the decision threshold 2 % -> 28 %",
        "1. acknowledge it: driftline incidents ack 1 2. is the guardrail running?",
        "driftline incidents show INC-1 --all",
    ):
        assert part in text, part
    assert "Timeline" not in text
    assert "finding added" not in text


def test_pages_of_the_same_words_are_told_apart_by_time_and_stream(judge: Judge, run: Run) -> None:
    judge.finds(page("f5", onset=T0 + 7 * MINUTE))
    judge.finds(msgspec.structs.replace(page("f6", onset=T0 + 7 * MINUTE), guardrail_version="3"))
    text = " ".join(run("show", "INC-1").output.split())
    words = "crowding of scores at the decision threshold"
    for also in (
        f"03:12 UTC, {words}",
        f"03:19 UTC, {words}",
        f"03:19 UTC, prompt-injection (jailbreak) 3: {words[:8]}",
    ):
        assert also in text, text


def test_how_large_says_the_share_of_the_headline_first(judge: Judge, run: Run) -> None:
    near = Near(what="share of scores near the threshold", baseline=0.0044, current=0.127)
    found = page("f9", guardrail="weighed")
    effect = msgspec.structs.replace(found.effect, baseline=0.0023, current=0.071, unit=Unit.weight, near=near)
    judge.finds(msgspec.structs.replace(found, effect=effect))
    text = " ".join(run("show", str(judge.incidents()[-1].id)).output.split())
    assert "How large 12.7 %, baseline 0.44 %; mean weight 0.071, baseline 0.0023, at most" in text


def test_a_long_incident_with_long_names_still_fits_on_the_first_screen(judge: Judge, run: Run) -> None:
    long = "x" * 200
    for number in range(9):
        found = page(f"p{number}", guardrail=f"shield {long}", onset=T0 + number * MINUTE, question=f"q{number}_rise")
        found = msgspec.structs.replace(
            found,
            stratum=f"app={long}",
            category=long,
            stage="input",
            offsets={f"partition {long} {n}": (n, n + 9) for n in range(9)},
            attribution=tuple(
                Contribution(what="stratum", name=f"app={long}{n}", share=0.5 / (n + 1)) for n in range(4)
            ),
        )
        judge.finds(found)
    number = judge.incidents()[-1].id
    lines = run("show", str(number)).output.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    for name in ("Since", "How sure", "How large", "Where", "Also"):
        assert [line for line in lines if line.strip().startswith(name)], name
    assert "and 5 more pages" in " ".join(lines)
    assert "Next steps" in lines
    assert lines[-1].endswith("--all")
    assert len(run("show", str(number), "--all").output.splitlines()) > 3 * LINES


def test_show_all_has_every_finding_its_evidence_and_the_timeline(judge: Judge, run: Run) -> None:
    shown = run("show", "INC-1", "--all")
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    for part in (
        "share of requests that the guardrail did not judge 2 % -> 28 % since 03:17 UTC",
        "2026-11-23 03:12 UTC at the earliest",
        "Level 28 %, baseline 2 %, at most 4 % approved",
        "412 events; proved, if requests are independent: false alarms stay within the budget",
        "guardrail-events-0 offsets 1200 to 1799",
        "Due to change in traffic mix 10 %, in judging the same kinds 90 %",
        "finding added",
        "Type fail open (not_judged: requests are not judged",
        "the incident is fail open now: not judged: requests",
        "notified: chat, pager",
    ):
        assert part in text, part


def test_the_title_names_the_most_telling_page_and_not_the_first(judge: Judge, run: Run) -> None:
    judge.finds(page("p1", guardrail="shield", signal="verdict_mix", question="adverse_rise"))
    number = judge.incidents()[-1].id
    assert (
        "share of requests judged unsafe" in run("show", str(number)).output
        or "adverse rise" in run("show", str(number)).output
    )
    judge.finds(page("p2", guardrail="shield", onset=T0 + MINUTE))
    judge.finds(
        page("p3", guardrail="shield", onset=T0 + 2 * MINUTE, signal="repetition", question="near_duplicate_rise")
    )
    incident = judge.incidents()[-1]
    assert (incident.id, incident.trouble) == (number, "probing")
    assert "share of scores near the threshold" in incident.title
    judge.finds(page("p4", guardrail="shield", onset=T0 + 3 * MINUTE, signal="coverage", question="not_run_rise"))
    assert "that the guardrail did not judge" in judge.incidents()[-1].title


def test_show_says_what_the_guardrail_was_for_when_the_incident_was_opened(judge: Judge, run: Run) -> None:
    assert "Control this guardrail has no control statement" in " ".join(run("show", "1").output.split())
    control = Control(prohibits="instructions of strangers", owner="safety")
    judge.policy = dataclasses.replace(judge.policy, controls={"shield": control})
    judge.finds(page("f9", guardrail="shield"))
    number = judge.incidents()[-1].id
    shown = " ".join(run("show", str(number)).output.split())
    assert "Control prohibits instructions of strangers Owner safety" in shown
    run("ack", str(number), "--as", "ana")
    told = [each.notification.body for each in judge.sent() if each.notification.incident_id == number]
    assert [body["event_action"] for body in told] == ["trigger", "acknowledge"]
    assert [body["control"]["owner"] for body in told] == ["safety", "safety"]  # type: ignore[index]


def test_show_as_json_holds_incident_findings_and_timeline(judge: Judge, run: Run) -> None:
    told = json.loads(run("show", "1", "--json").output)
    assert told["incident"]["status"] == "open"
    assert told["possible"] == ["acknowledge", "resolve", "note"]
    assert {each["id"] for each in told["findings"]} == {"f1", "f2", "f3"}
    assert [each["seq"] for each in told["timeline"]] == [1, 2, 3, 4]
    assert told["timeline"][2]["kind"] == "typed"
    assert (told["incident"]["trouble"], told["timeline"][2]["data"]["was"]) == ("fail_open", "probing")


def test_everything_fits_into_80_columns_and_has_no_colours_without_a_terminal(judge: Judge, run: Run) -> None:
    judge.finds(page("f5", guardrail="a guardrail with a name that is much longer than anybody would ever want it"))
    for arguments in (
        ["list"],
        ["show", "1"],
        ["show", "3"],
        ["show", "1", "--all"],
        ["show", "3", "--all"],
        ["findings"],
        ["verify"],
    ):
        shown = run(*arguments)
        assert shown.exit_code == 0, arguments
        assert max(map(len, shown.output.splitlines())) <= WIDTH, arguments
        assert "\x1b" not in shown.output


def test_a_life_from_the_terminal_reaches_the_channels(judge: Judge, run: Run) -> None:
    assert "INC-2: acknowledged by ana; notifying chat, pager" in run("ack", "2", "--as", "ana").output
    assert run("note", "2", "looked at the release", "--as", "bob").exit_code == 0
    done = run("resolve", "2", "--reason", "rolled back", "--as", "ana")
    assert "1 page has not ended yet" in done.output
    assert run("close", "2", "--learned", "test thresholds", "--as", "ana").exit_code == 0
    assert judge.kinds(2) == ["opened", "acknowledged", "note", "resolved", "closed"]
    assert [deed for number, deed in judge.deeds() if number == 2] == ["trigger", "acknowledge", "resolve"]
    assert "rolled back" in run("show", "2", "--all").output


def test_what_is_not_allowed_is_said_with_exit_code_1(judge: Judge, run: Run) -> None:
    refused = run("close", "1", "--learned", "x", "--as", "ana")
    assert refused.exit_code == 1
    assert "INC-1 is open: close needs it resolved; possible now: acknowledge, resolve, note" in refused.stderr
    assert run("ack", "1", "--as", "driftline").exit_code == 1
    assert run("show", "77").exit_code == 1
    assert run("resolve", "1", "--reason", "  ", "--as", "ana").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [["show", "one"], ["show", "0"], ["show", "9" * 30], ["verify", "1", "--head", "x"], ["resolve", "1"]],
)
def test_what_makes_no_sense_is_exit_code_2(judge: Judge, run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_without_a_name_the_user_of_the_system_signs(judge: Judge, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "carla")
    assert "by carla" in run("ack", "1").output


def test_an_empty_record_and_a_missing_database_are_told_apart(database: Path, run: Run) -> None:
    missing = run("list")
    assert missing.exit_code == 1
    assert "there is no database" in missing.stderr
    assert not database.exists()
    with sqlite_stores(f"sqlite:///{database}"):
        assert run("list").output == "No incidents.\n"
        assert run("findings").output == "No findings.\n"
        assert run("verify").output == "No incidents.\n"


def test_findings_are_listed_with_their_state(judge: Judge, run: Run) -> None:
    judge.finds(ended(page(), T0 + HOUR))
    assert "ended" in run("findings", "--incident", "1").output
    assert [each["id"] for each in json.loads(run("findings", "--kind", "notice", "--json").output)] == ["f3"]


def test_verify_finds_a_changed_word_and_a_cut_off_end(judge: Judge, run: Run, database: Path) -> None:
    head = judge.timeline(1)[-1]
    whole = run("verify", "1", "--head", f"{head.seq}:{head.hash}")
    assert whole.exit_code == 0
    assert f"INC-1: 4 entries fit; the head is\n  4:{head.hash}" in whole.output
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM timeline WHERE incident_id = 1 AND seq = 4")
        connection.execute("UPDATE timeline SET data = replace(data, '14', '2') WHERE incident_id = 2")
    connection.close()
    assert run("verify", "1").exit_code == 0
    cut_off = run("verify", "1", "--head", f"{head.seq}:{head.hash}")
    assert cut_off.exit_code == 1
    assert "BROKEN: entry 4 is not there, but a notification named it" in cut_off.output
    everything = run("verify", "--json")
    assert everything.exit_code == 1
    broken = {each["incident"]: each["broken"] and each["broken"]["why"] for each in json.loads(everything.output)}
    assert broken == {1: None, 2: "wrong_hash"}


def test_the_lines_of_verify_can_be_checked_with_openssl(judge: Judge, run: Run) -> None:
    before = "0" * 64
    for line in run("verify", "1", "--lines").output.splitlines():
        digest, text = line.split("  ", 1)
        told = subprocess.run(["openssl", "dgst", "-sha256"], input=text.encode(), capture_output=True, check=True)
        assert told.stdout.decode().split()[-1] == digest
        assert json.loads(text)["previous_hash"] == before
        before = digest


def test_what_the_terminal_did_is_delivered(judge: Judge, run: Run) -> None:
    run("ack", "1", "--as", "ana")
    sent = []

    class Receiver:
        longest_ms = 1

        def send(self, notification: object, *, attempt: int) -> None:
            sent.append(notification)

    receiver = Receiver()
    while deliver_step(judge.stores.outbox, {"pager": receiver, "chat": receiver}, now_ms=T0 + HOUR).claimed:
        pass
    # two incidents opened, one page added, one acknowledged, on two channels; the notice on one
    assert len(sent) == 2 * 4 + 1
