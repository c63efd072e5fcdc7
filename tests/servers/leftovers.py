"""Ends what a test run left behind: `python -m tests.servers.leftovers DIRECTORY`.

Every server of a run keeps its files below the run's own temporary directory, so a process is the run's if its
command line or its TMPDIR names that directory. PostgreSQL detaches itself; asking for children would miss it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

END_WITHIN_SECONDS = 10.0


def processes_of(directory: Path) -> list[psutil.Process]:
    """Running processes that belong to `directory`, without this one and those that it came from."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        try:
            words = process.cmdline()
            home = process.environ().get("TMPDIR", "")
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue
        if any(_is_below(word, directory) for word in (*words, home)):
            found.append(process)
    return found


def end(directory: Path) -> list[int]:
    """Terminate the processes of `directory`, kill those that stay, and tell their process ids."""
    processes = processes_of(directory)
    for signal in ("terminate", "kill"):
        for process in processes:
            try:
                getattr(process, signal)()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=END_WITHIN_SECONDS)
    return [process.pid for process in processes]


def _is_below(word: str, directory: Path) -> bool:
    place = str(directory)
    return word == place or f"{place}/" in word


if __name__ == "__main__":
    ended = end(Path(sys.argv[1]).resolve(strict=True))
    if ended:
        print(f"ended {len(ended)} processes that the tests left behind: {ended}", file=sys.stderr)
