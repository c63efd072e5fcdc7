"""What the test harness promises: nothing that needs a server is left out in silence, nothing is left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers.leftovers import end, processes_of

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(directory: Path, source: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of pytest on one file, under this project's settings and fixtures."""
    test_file = directory / "test_sample.py"
    test_file.write_text(source, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    settings = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(directory))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, "-p", "tests.conftest", "-p", "no:cacheprovider", str(test_file)],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_exception_in_a_background_thread_fails_the_test(tmp_path: Path) -> None:
    status, output = run_pytest(
        tmp_path,
        """
import threading

def test_a():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

def test_b():
    pass
""",
    )
    assert status == 1, output
    assert re.search(r"FAILED \S*test_sample\.py::test_a", output), output
    assert "ZeroDivisionError" in output
    assert "1 failed, 1 passed" in output


SKIPS = """
import pytest

@pytest.mark.postgres
def test_with_a_server():
    pytest.skip("no reason")

def test_without():
    pytest.skip("only on another system")
"""


def test_in_ci_a_skipped_server_test_is_a_failure(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path, SKIPS, CI="true")
    assert status == 1, output
    assert "test_with_a_server was skipped, but in CI everything that needs a server runs" in output
    assert "1 failed, 1 skipped" in output


def test_outside_ci_a_skip_stays_a_skip(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path, SKIPS)
    assert status == 0, output
    assert "2 skipped" in output


@pytest.mark.parametrize("ci", [{}, {"CI": "true"}], ids=["local", "ci"])
def test_without_kafka_a_kafka_test_fails_and_says_what_to_run(tmp_path: Path, ci: dict[str, str]) -> None:
    status, output = run_pytest(
        tmp_path,
        "def test_a(kafka): pass\ndef test_b(any_database_url): pass\n",
        DRIFTLINE_KAFKA_DIR=str(tmp_path / "empty"),
        PYTEST_ADDOPTS="-m kafka",
        **ci,
    )
    assert status == 1, output
    assert "run deploy/test once, which fetches it with Maven" in output
    assert "2 deselected, 1 error" in output, "marked by what they ask for, without a word in the test"


def test_detached_processes_of_a_run_are_ended(tmp_path: Path) -> None:
    mine, other = tmp_path / "run", tmp_path / "run-of-somebody-else"
    wait = [sys.executable, "-c", "input()"]
    running = []
    for home in (mine, other):
        home.mkdir()
        running.append(
            subprocess.Popen(
                wait, env=os.environ | {"TMPDIR": str(home)}, stdin=subprocess.PIPE, start_new_session=True
            )
        )
    left_behind, untouched = running
    try:
        assert [process.pid for process in processes_of(mine)] == [left_behind.pid]
        assert end(mine) == [left_behind.pid]
        assert not psutil.pid_exists(left_behind.pid)
        assert untouched.poll() is None
    finally:
        for process in running:
            process.kill()
            process.communicate()
