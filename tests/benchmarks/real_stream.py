"""The labelled stream of real prompts through the live pipeline: what was seen of each stretch, when, typed as what.

python -m tests.benchmarks.real_stream                  one seed, one partition
python -m tests.benchmarks.real_stream --seeds 3        seeds 1 to 3
... --layouts one keyed scattered                       the same log spread over three partitions, well and badly
... --json                                              one JSON object a replay
... --write                                             puts the table into tests/real_stream/README.md

Exits with 1 if a must is broken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.real_stream.musts import verdicts
from tests.real_stream.replayed import Told, answers_power, told
from tests.real_stream.sightings import Sighting, is_eventful
from tests.real_stream.stream import Span, real_stream

README = Path(__file__).resolve().parents[1] / "real_stream" / "README.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEADS = ("segment", "requests", "pages (requests, minutes after onset)", "notices", "typed as")


def rows(told_: Told) -> list[tuple[str, ...]]:
    """The table: one row for each eventful stretch, a last one for what is false."""
    out = [_row(span, told_.of(i)) for i, span in enumerate(told_.stream.spans) if is_eventful(span)]
    false = told_.of(-1)
    quiet = sum(s.last - s.first + 1 for s in told_.stream.spans if not is_eventful(s))
    return [
        *out,
        ("false, in all quiet stretches", f"{quiet:,}", _said(false, page=True), _said(false, page=False), ""),
    ]


def _row(span: Span, seen: Sequence[Sighting]) -> tuple[str, ...]:
    types = dict.fromkeys(s.trouble for s in sorted(seen, key=lambda s: not s.page) if s.trouble)
    return (
        span.name,
        f"{span.last - span.first + 1:,}",
        _said(seen, page=True),
        _said(seen, page=False),
        ", ".join(types).replace("_", " "),
    )


def _said(seen: Sequence[Sighting], *, page: bool) -> str:
    said = []
    for s in seen:
        if s.page is page:
            when = "after its end" if s.after_end else f"{s.requests}, {s.minutes:.0f} min"
            said.append(
                f"{s.finding.guardrail} {s.name} ({when})" if s.place >= 0 else f"{s.finding.guardrail} {s.name}"
            )
    return "; ".join(said) or "-"


def powers(told_: Told) -> list[str]:
    """What the shifts of output toxicity had the power to show."""
    out = []
    for span in told_.stream.spans:
        if span.name.endswith("toxicity shift"):
            power = answers_power(told_, span)
            if power is None:
                out.append(f"{span.name}: not tested")
                continue
            least = "none" if power.least is None else f"{power.least:.1%}"
            enough = "enough" if power.enough else "too few answers for so small a shift, a page cannot be expected"
            out.append(
                f"{span.name}: {power.events} answers, {power.happened:.1%} denied, where {power.baseline:.1%} were "
                f"and {power.limit:.1%} are approved; minimum detectable share {least}: {enough}"
            )
    return out


def _missing(told_: Told) -> list[str]:
    """What could not be asked, and why."""
    return [
        f"{name}: {what} not asked: {why}" for name, says in told_.unavailable().items() for what, why in says.items()
    ]


def report(told_: Told) -> dict[str, object]:
    """A replay as scripts read it."""
    return {
        "rows": [dict(zip(HEADS, row, strict=True)) for row in rows(told_)],
        "power": powers(told_),
        "unavailable": told_.unavailable(),
        "musts": [{"about": v.about, "must": v.must, "held": v.held, "found": v.found} for v in verdicts(told_)],
        "events": told_.replay.summary.events,
        "seconds": round(told_.replay.summary.seconds, 1),
        "findings": [
            {
                "segment": told_.stream.spans[s.place].name if s.place >= 0 else "false",
                "guardrail": s.finding.guardrail,
                "name": s.name,
                "kind": s.finding.kind.value,
                "stratum": s.finding.stratum,
                "trouble": s.trouble,
                "rule": s.finding.trouble_rule,
                "requests": s.requests,
                "minutes": round(s.minutes, 1),
                "after_end": s.after_end,
                "baseline": s.finding.effect.baseline,
                "current": s.finding.effect.current,
                "detail": s.finding.evidence.detail,
            }
            for s in told_.sightings
        ],
    }


def _print(told_: Told) -> None:
    console = Console(width=200)
    table = Table(*HEADS, show_lines=True)
    for row in rows(told_):
        table.add_row(*row)
    console.print(table)
    for line in [*powers(told_), *_missing(told_)]:
        console.print(line)
    for verdict in verdicts(told_):
        found = "" if verdict.held else f" (found: {verdict.found})"
        console.print(f"{'held  ' if verdict.held else 'BROKEN'} {verdict.about}: {verdict.must}{found}")


def markdown(told_: Told) -> str:
    """The table for the README."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows(told_)]
    return "\n".join([*lines, "", *(f"- {line}" for line in powers(told_))])


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 1 on")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--layouts", nargs="+", choices=("one", "keyed", "scattered"), default=["one"])
    parser.add_argument("--json", action="store_true", help="one JSON object a replay")
    parser.add_argument("--write", action="store_true", help="put the first table into tests/real_stream/README.md")
    arguments = parser.parse_args()
    broken, first = 0, None
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        stream = real_stream(seed)
        for layout in arguments.layouts:
            print(f"seed {seed}, {layout}: replaying {len(stream.lines):,} events", file=sys.stderr, flush=True)
            result = told(stream, layout=layout)
            first = first or result
            broken += sum(not verdict.held for verdict in verdicts(result))
            if arguments.json:
                print(json.dumps({"seed": seed, "layout": layout, **report(result)}), flush=True)
            else:
                _print(result)
    if arguments.write and first is not None:
        text = README.read_text(encoding="utf-8")
        head, _, rest = text.partition(BEGIN)
        _, _, tail = rest.partition(END)
        README.write_text(f"{head}{BEGIN}\n{markdown(first)}\n{END}{tail}", encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
