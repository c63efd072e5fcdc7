"""An exported timeline proves itself without a database; what a database's owner can and cannot hide."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.incidents import lifecycle
from monitor.incidents.exported import lines
from monitor.incidents.timeline import What, append
from tests.unit.alerting.record import Judge, page, sqlite_stores

Lines = list[str]


def a_record() -> Lines:
    """Five entries: found, acknowledged, a note, resolved, closed."""
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        with stores.alerts.transaction() as store:
            lifecycle.acknowledge(store, 1, actor="kim", now_ms=10**13)
            lifecycle.note(store, 1, actor="kim", now_ms=10**13 + 1, text="threshold .4 – since 03:05")
            lifecycle.resolve(store, 1, actor="kim", now_ms=10**13 + 2, text="rolled back")
            lifecycle.close(store, 1, actor="kim", now_ms=10**13 + 3, text="test thresholds")
        return list(lines(judge.timeline(1)))


def verified(folder: Path, text: Lines, *more: str) -> Result:
    file = folder / "inc-1.jsonl"
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    return CliRunner().invoke(main, ["timeline", "verify", str(file), *more])


def changed(line: str, **values: object) -> str:
    return json.dumps(json.loads(line) | values)


def head(text: Lines) -> str:
    last = json.loads(text[-1])
    return f"{last['seq']}:{last['hash']}"


def test_an_exported_timeline_is_verified_without_a_database(tmp_path: Path) -> None:
    text = a_record()
    good = verified(tmp_path, text, "--head", head(text))
    assert good.exit_code == 0
    assert "INC-1: 5 entries fit" in good.output
    assert json.loads(verified(tmp_path, text, "--json").output)[0]["broken"] is None


@pytest.mark.parametrize(
    ("edit", "row"),
    [
        (lambda text: [*text[:2], changed(text[2], data={"text": "nothing happened"}), *text[3:]], 3),
        (lambda text: [*text[:1], changed(text[1], actor="sam"), *text[2:]], 2),
        (lambda text: [*text[:3], changed(text[3], at_ms=1), *text[4:]], 4),
        (lambda text: [*text[:2], *text[3:]], 3),
        (lambda text: text[1:], 1),
        (lambda text: [text[0], text[2], text[1], *text[3:]], 2),
        (lambda text: [text[0], text[0], *text[1:]], 2),
    ],
    ids=["text", "actor", "time", "one removed", "first removed", "reordered", "doubled"],
)
def test_an_edit_a_removal_and_a_reorder_are_found_and_the_row_is_named(
    tmp_path: Path, edit: Callable[[Lines], Lines], row: int
) -> None:
    broken = verified(tmp_path, edit(a_record()))
    assert broken.exit_code == 1
    assert f"BROKEN: entry {row} " in broken.output


def test_an_owner_of_the_database_can_rewrite_a_whole_chain_but_not_what_notifications_carried(
    tmp_path: Path,
) -> None:
    """Whoever may write everything can make another chain that fits in itself; the heads outside give it away."""
    text = a_record()
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        with stores.alerts.transaction() as store:
            append(store, incident_id=1, at_ms=10**13, actor="kim", kind=What.note, data={"text": "all quiet"})
        forged = list(lines(judge.timeline(1)))
    assert verified(tmp_path, forged).exit_code == 0, "a rewritten chain fits in itself"
    assert verified(tmp_path, forged, "--head", head(text[:2])).exit_code == 1, "and not to what was sent"
    assert verified(tmp_path, text[:3]).exit_code == 0, "cutting off the end leaves a chain that fits"
    assert verified(tmp_path, text[:3], "--head", head(text)).exit_code == 1, "and lacks what was sent"


@pytest.mark.parametrize("line", ["", "{}", "[1]", "\x00", '{"seq": "1"}', "[" * 5000, "1" * 300_000])
def test_what_is_no_timeline_is_refused_with_the_line(tmp_path: Path, line: str) -> None:
    refused = verified(tmp_path, [line])
    assert refused.exit_code == 1
    assert "line 1" in refused.output or "no timeline entry" in refused.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["timeline", "verify", str(tmp_path / "no.jsonl")])
    assert missing.exit_code == 1
    assert "no.jsonl" in missing.output
