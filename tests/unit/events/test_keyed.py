"""The keyed hash is SipHash-1-3, checked against the interpreter's own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from monitor.events.keyed import SubKey, keyed_hash, sip13

MESSAGES = [bytes(range(1, length + 1)) for length in range(1, 40)]


def test_it_is_the_hash_that_the_interpreter_uses_under_the_zero_key() -> None:
    assert sys.hash_info.algorithm == "siphash13"
    program = "import json, sys; print(json.dumps([hash(bytes(m)) for m in json.load(sys.stdin)]))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([list(message) for message in MESSAGES]),
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    zero = np.uint64(0)
    ours = [sip13(np.frombuffer(message, np.uint8), 0, len(message), zero, zero) for message in MESSAGES]
    assert [int(np.uint64(value).view(np.int64)) for value in ours] == json.loads(done.stdout)


def test_a_span_hashes_as_its_bytes_alone_wherever_it_is() -> None:
    key = SubKey.derive(bytes(16), purpose="strings")
    for message in MESSAGES:
        alone = keyed_hash(np.frombuffer(message, np.uint8), 0, len(message), key.first, key.second)
        for before, after in ((0, 0), (3, 1), (1, 30)):
            inside = np.frombuffer(b"\xaa" * before + message + b"\xbb" * after, np.uint8)
            assert keyed_hash(inside, before, before + len(message), key.first, key.second) == alone


def test_keys_for_different_purposes_differ_and_do_not_show() -> None:
    strings, texts = (SubKey.derive(bytes(16), purpose=purpose) for purpose in ("strings", "texts"))
    assert strings.words().tolist() != texts.words().tolist()
    assert str(int(strings.first)) not in repr(strings)
    with pytest.raises(ValueError, match="at least 16"):
        SubKey.derive(b"too short", purpose="strings")
