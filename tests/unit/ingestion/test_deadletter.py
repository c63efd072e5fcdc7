"""Dead letters on disk and in counters; those in Kafka are tested with the real one."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from monitor.errors import TryAgain
from monitor.ingestion.deadletter import CountedDeadLetters, DeadLetters, FileDeadLetters, Payload, Sealer

KEY = b"a key of sixteen"
PROMPT = b'{"prompt":"how do I pick a lock"'


def sealer(payload: Payload = "drop", **changes: int) -> Sealer:
    return Sealer(payload=payload, hash_key=KEY, **changes)


def send(letters: DeadLetters, offset: int, value: bytes | None = PROMPT, reason: str = "not_json") -> None:
    letters.send(
        partition="events-3", offset=offset, reason=reason, detail="byte 32: cut short", key=b"user-1", value=value
    )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_dropped_payload_leaves_where_why_size_and_a_keyed_hash(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = FileDeadLetters(path, sealer())
    send(letters, 7)
    send(letters, 8, None)
    letters.flush()
    first, second = lines(path)
    assert first == {
        "partition": "events-3",
        "offset": 7,
        "reason": "not_json",
        "detail": "byte 32: cut short",
        "size": len(PROMPT),
        "sample_hash": sealer().sample_hash(PROMPT),
    }
    assert (second["size"], second["sample_hash"]) == (None, None)
    at_rest = path.read_text(encoding="utf-8")
    assert "lock" not in at_rest
    assert "user-1" not in at_rest
    assert base64.b64encode(PROMPT).decode() not in at_rest


def test_the_hash_needs_the_key() -> None:
    other = Sealer(payload="drop", hash_key=b"another key here")
    assert other.sample_hash(PROMPT) != sealer().sample_hash(PROMPT)


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 65])
def test_a_hash_key_of_the_wrong_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match=f"got {len(key)}"):
        Sealer(payload="drop", hash_key=key)


def test_a_kept_payload_is_cut_at_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = FileDeadLetters(path, sealer("keep", keep_bytes=10))
    send(letters, 7)
    letters.close()
    [line] = lines(path)
    assert base64.b64decode(str(line["value"])) == PROMPT[:10]
    assert line["size"] == len(PROMPT)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = FileDeadLetters(path, sealer())
    send(letters, 1)
    letters.flush()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_letters_wait_for_a_disk_that_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "not-yet"
    letters = FileDeadLetters(folder / "dead.jsonl", sealer())
    send(letters, 1)
    with pytest.raises(TryAgain, match=r"not-yet/dead\.jsonl"):
        letters.flush()
    folder.mkdir()
    send(letters, 2)
    letters.flush()
    letters.flush()
    assert [line["offset"] for line in lines(folder / "dead.jsonl")] == [1, 2]


def test_letters_that_cannot_be_written_do_not_pile_up_without_bound(tmp_path: Path) -> None:
    letters = FileDeadLetters(tmp_path / "nowhere" / "dead.jsonl", sealer())
    for offset in range(1_000):
        send(letters, offset)
    with pytest.raises(TryAgain):
        send(letters, 1_000)
    assert len(letters._waiting) == 1_000


def test_a_backtest_counts_reasons_and_keeps_the_first_few() -> None:
    letters = CountedDeadLetters(first=2)
    for offset in range(10):
        send(letters, offset, reason="not_json" if offset % 2 else "too_large")
    assert letters.counts == {"not_json": 5, "too_large": 5}
    assert [letter.offset for letter in letters.first["not_json"]] == [1, 3]
