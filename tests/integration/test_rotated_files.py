"""Log files that are rotated, cut, half written or growing: every line is counted once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.errors import SourceRefused
from monitor.ingestion.deadletter import CountedDeadLetters
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores
from tests.integration.counting import Counted, counting_files, events


@pytest.fixture
def stores(sqlite_url: str) -> Iterator[Stores]:
    with open_stores(sqlite_url, layout=LAYOUT) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def lines(count: int, tag: str) -> bytes:
    return b"".join((event.value or b"") + b"\n" for event in events(count, tag))


def read_once(stores: Stores, log: Path) -> Counted:
    with counting_files(stores, [log]) as counted:
        while not counted.step().ended:
            pass
    return counted


def followed(stores: Stores, log: Path) -> AbstractContextManager[Counted]:
    return counting_files(stores, [log], follow=SystemClock())


def test_a_rotated_file_that_is_longer_than_before_is_counted_whole(stores: Stores, log: Path) -> None:
    log.write_bytes(lines(300, "day0"))
    assert read_once(stores, log).events == 300
    log.rename(log.with_name("events.jsonl.1"))
    log.write_bytes(lines(500, "day1"))
    second = read_once(stores, log)
    assert second.events == 500
    assert [renewal.left_at for renewal in second.renewed] == [300]


def test_the_rest_of_the_former_file_is_counted_first(stores: Stores, log: Path) -> None:
    log.write_bytes(lines(300, "day0"))
    read_once(stores, log)
    with log.open("ab") as file:
        file.write(lines(40, "evening"))
    log.rename(log.with_name("events.jsonl.1"))
    log.write_bytes(lines(50, "day1"))
    assert read_once(stores, log).events == 90
    assert read_once(stores, log).events == 0


@pytest.mark.parametrize("count", [500, 20], ids=["longer", "shorter"])
def test_a_file_that_was_copied_and_cut_is_read_from_its_start(stores: Stores, log: Path, count: int) -> None:
    log.write_bytes(lines(300, "day0"))
    read_once(stores, log)
    shutil.copy(log, log.with_name("events.jsonl.1"))
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(lines(count, "day1"))
    assert read_once(stores, log).events == count


def test_a_file_that_was_moved_and_copied_back_stays_the_same_file(stores: Stores, log: Path) -> None:
    log.write_bytes(lines(300, "day0"))
    read_once(stores, log)
    shutil.copy(log, log.with_name("backup"))
    log.unlink()
    log.write_bytes(log.with_name("backup").read_bytes() + lines(10, "later"))
    assert read_once(stores, log).events == 10


def test_a_file_that_begins_as_before_and_is_shorter_is_refused(stores: Stores, log: Path) -> None:
    whole = lines(300, "day0")
    log.write_bytes(whole)
    read_once(stores, log)
    log.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceRefused, match="but 300 were read before: it was cut"):
        read_once(stores, log)


def test_a_half_written_last_line_is_left_until_it_is_whole(stores: Stores, log: Path) -> None:
    whole = lines(400, "p")
    at = len(b"".join(whole.splitlines(keepends=True)[:200])) + 60
    letters = CountedDeadLetters()
    for content in (whole[:at], whole):
        log.write_bytes(content)
        with counting_files(stores, [log], dead_letters=letters) as counted:
            while not counted.step().ended:
                pass
    assert stores.reads.totals().events == 400
    assert not letters.counts


def test_a_whole_last_line_without_a_newline_is_counted(stores: Stores, log: Path) -> None:
    log.write_bytes(lines(20, "p").rstrip(b"\n"))
    assert read_once(stores, log).events == 20
    with log.open("ab") as file:
        file.write(b"\n" + lines(5, "q"))
    assert read_once(stores, log).events == 5


def test_a_growing_file_is_followed(stores: Stores, log: Path) -> None:
    log.touch()
    with followed(stores, log) as counted:
        written = 0
        for part in range(4):
            whole = lines(25, f"part{part}")
            half = len(whole) - 40
            for piece in (whole[:half], whole[half:]):
                with log.open("ab") as file:
                    file.write(piece)
                counted.step()
            written += 25
            counted.until(lambda expected=written: counted.events == expected, seconds=20)
        assert counted.rejected == 0
    assert stores.judge.closed_before() is not None, "an idle file holds no tick open"


@pytest.mark.parametrize("by", ["rename and create", "copy and truncate"])
def test_a_file_that_is_rotated_while_it_is_followed_loses_nothing(stores: Stores, log: Path, by: str) -> None:
    log.write_bytes(lines(100, "day0"))
    former = log.with_name("events.jsonl.1")
    with followed(stores, log) as counted:
        counted.until(lambda: counted.events == 100, seconds=20)
        with log.open("ab") as file:
            file.write(lines(30, "evening"))
            file.flush()
            if by == "rename and create":
                log.rename(former)
                log.write_bytes(lines(150, "day1"))
                file.write(lines(7, "last words"))
            else:
                file.write(lines(7, "last words"))
                file.flush()
                shutil.copy(log, former)
                os.truncate(log, 0)
                with log.open("ab") as again:
                    again.write(lines(150, "day1"))
        counted.until(lambda: counted.events == 100 + 30 + 7 + 150, seconds=20)
        assert counted.rejected == 0
    assert stores.reads.totals().duplicates == 0
    with followed(stores, log) as counted:
        for _ in range(5):
            counted.step()
        assert counted.events == 0, "what was counted is not counted again"


def test_a_followed_file_that_is_not_there_yet_is_waited_for(stores: Stores, log: Path) -> None:
    with followed(stores, log) as counted:
        counted.step()
        assert counted.owned == 0
        log.write_bytes(lines(10, "first"))
        counted.until(lambda: counted.events == 10, seconds=20)
