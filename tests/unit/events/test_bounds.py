"""Compiled code stays inside of the buffer, whatever it is fed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_damaged_records_never_make_a_scanner_read_out_of_bounds(tmp_path: Path) -> None:
    # a cache of its own: code compiled with and without the checks must not be mixed up
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.events.fuzz_bounds"], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        records, accepted = (int(word) for word in line.split() if word.isdigit())
        assert records > 3000
        assert 0 < accepted < records
