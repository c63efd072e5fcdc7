"""What a command prints reaches whoever reads it, whatever the terminal, the pipe and the disk are like."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def driftline(*arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | environment,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932"])
def test_what_an_encoding_lacks_becomes_a_question_mark(encoding: str) -> None:
    done = driftline("formats", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "prompt-guard" in done.stdout
    assert done.stderr == ""


def test_a_full_disk_is_a_sentence_and_a_failure() -> None:
    with open("/dev/full", "w") as full:
        done = driftline("formats", stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr == "driftline: standard output: No space left on device\n"
