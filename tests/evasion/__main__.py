"""python -m tests.evasion [--share .05] [--seeds 1] [--json]: what evasion gains; exit code 1 if a row is not held.

A row is held if it pages within twice the time of the same attack without evasion, or if a finding of its own reports
the disguise within ten minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.evasion.attacks import ATTACKS, PLAIN
from tests.evasion.run import held, seen


def main() -> int:
    """Run them all, print the table."""
    parser = argparse.ArgumentParser(description="What an attacker gains by evasion.")
    parser.add_argument("--share", type=float, nargs="+", default=[0.05, 0.1], help="of the guardrail's events")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    rows, bad = [], 0
    for share in args.share:
        for seed in range(1, args.seeds + 1):
            plain = seen(PLAIN, share, seed=seed)
            for attack in ATTACKS:
                one = seen(attack, share, seed=seed)
                good = held(one, plain)
                bad += not good
                rows.append({"attack": attack.name, "share": share, "seed": seed, "held": good} | asdict(one))
                rows[-1]["plain_page_s"] = plain.page_s
    if args.json:
        print(json.dumps(rows))
        return int(bad > 0)
    table = Table(
        "attack", "share", "seed", "first finding", "first page", "own finding", "page without", "as", "held"
    )
    for row in rows:
        times = (_time(row[key]) for key in ("notice_s", "page_s", "own_s", "plain_page_s"))
        held_ = "yes" if row["held"] else "NO"
        table.add_row(row["attack"], f"{row['share']:.0%}", str(row["seed"]), *times, row["as_what"], held_)
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    return int(bad > 0)


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
