"""A database of an earlier release goes on under this one: nothing learned, approved or found is lost.

The release's database is described in ``releases/make_0_1.py``. The later release, with one signal more and another
version of a second one, is this code with its registry changed before anything else is imported
(``later_release.py``).
"""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RELEASES = Path(__file__).parent / "releases"
CHECKOUT = Path(__file__).parents[2]
TICK_MS = 10_000
SINCE = {"category_mix"}
"""Signals of this release whose rule is another than the dumped one's."""


def restored(folder: Path) -> Path:
    """The release's database as a file."""
    file = folder / "release.db"
    database = sqlite3.connect(file)
    database.executescript(gzip.decompress((RELEASES / "0_1.sql.gz").read_bytes()).decode())
    database.close()
    return file


def judged(file: Path, *arguments: str) -> dict[str, Any]:
    """What the judge of this release, or of the later one, knows after the ticks that were not judged yet."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.migration.later_release", str(file), *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return judged(restored(tmp_path_factory.mktemp("same")))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return judged(restored(tmp_path_factory.mktemp("later")), "verdict_mix")


@pytest.mark.parametrize("release", ["same", "later"])
def test_learned_and_hand_approved_baselines_hold(release: str, request: pytest.FixtureRequest) -> None:
    units = request.getfixturevalue(release)["units"]
    assert units["injection"]["effective_tick"] == 176_723_463
    assert units["injection"]["by_person"] is True
    assert units["toxicity"]["effective_tick"] == 176_722_722
    assert units["toxicity"]["by_person"] is False


@pytest.mark.parametrize("release", ["same", "later"])
def test_no_baseline_is_learned_anew(release: str, request: pytest.FixtureRequest) -> None:
    stored = request.getfixturevalue(release)["baselines"]
    assert [one[:2] for one in stored if one[1] != "added"] == [
        ["injection", "replaced"], ["toxicity", "approved"], ["injection", "approved"],
    ]  # fmt: skip


@pytest.mark.parametrize("release", ["same", "later"])
def test_open_pages_stay_open_and_nothing_is_found_twice(release: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(release)
    before, after = answer["findings_before"], answer["findings_after"]
    (page,) = [one for one in before if one["kind"] == "page" and one["ended_at_ms"] is None]
    assert (page["guardrail"], page["signal"]) == ("toxicity", "boundary_proximity")
    assert page in after
    assert answer["open_pages"] == [page["id"]]
    assert {one["id"] for one in before} == {one["id"] for one in after}


def test_the_same_signals_are_watched_by_the_same_levels(same: dict[str, Any], later: dict[str, Any]) -> None:
    for name, unit in same["units"].items():
        changed = {"verdict_mix"} | SINCE
        assert set(unit["new_signals"]) == SINCE
        mine = [level for level in unit["levels"] if level[0] not in changed]
        assert mine == [level for level in later["units"][name]["levels"] if level[0] not in changed]
        assert {level[0] for level in mine} >= {"boundary_proximity"}


def test_only_the_new_and_the_changed_signal_learn(later: dict[str, Any]) -> None:
    for unit in later["units"].values():
        assert set(unit["new_signals"]) == {"offset_parity", "verdict_mix"} | SINCE
        for name in unit["new_signals"]:
            assert "newer than the baseline" in unit["unavailable"][name]
        assert not {"offset_parity", "verdict_mix"} & {level[0] for level in unit["levels"]}


def added_of(answer: dict[str, Any]) -> list[Any]:
    """Baselines that were added for signals, but for those that this release itself has changed."""
    return [one for one in answer["baselines"] if one[1] == "added" and not set(one[2]) & SINCE]


def test_what_is_new_has_learned_once_workers_have_counted_it(tmp_path: Path) -> None:
    """The upgraded worker counts another three hours; old and new counts lie side by side."""
    file = restored(tmp_path)
    answer, after = judged(file, "verdict_mix"), judged(file, "verdict_mix", "--count-on")
    for name, unit in after["units"].items():
        assert set(unit["new_signals"]) <= SINCE
        assert unit["effective_tick"] == answer["units"][name]["effective_tick"]
        assert {"verdict_mix", "offset_parity"} <= {level[0] for level in unit["levels"]}
    added = added_of(after)
    assert sorted((one[0], one[2][0]) for one in added) == [
        (name, signal) for name in ("injection", "toxicity") for signal in ("offset_parity", "verdict_mix")
    ]
    assert after["again"] == after["units"]


def test_an_open_page_of_the_changed_signal_ends_with_its_rule(tmp_path: Path) -> None:
    answer = judged(restored(tmp_path), "boundary_proximity")
    assert answer["open_pages"] == []
    (page,) = [one for one in answer["findings_before"] if one["kind"] == "page" and one["ended_at_ms"] is None]
    (ended,) = [one for one in answer["findings_after"] if one["id"] == page["id"]]
    assert ended["ended_at_ms"] > page["paged_at_ms"]
    assert len(answer["findings_after"]) == len(answer["findings_before"])


def test_workers_that_are_upgraded_first_lose_nothing_either(tmp_path: Path) -> None:
    """The old judge goes on beside them; the new one learns from the ticks that the old one has judged."""
    file = restored(tmp_path)
    judged(file, "verdict_mix", "--only-count")
    old = judged(file)
    assert all(set(unit["new_signals"]) <= SINCE for unit in old["units"].values())
    assert added_of(old) == []
    new = judged(file, "verdict_mix")
    for name, unit in new["units"].items():
        assert set(unit["new_signals"]) <= SINCE
        assert unit["effective_tick"] == old["units"][name]["effective_tick"]
        assert {"verdict_mix", "offset_parity"} <= {level[0] for level in unit["levels"]}
    assert len(added_of(new)) == 4
    assert {one["id"] for one in new["findings_after"]} == {one["id"] for one in old["findings_after"]}
