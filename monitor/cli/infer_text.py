"""An inferred mapping for people: each line of the settings with the evidence for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import yaml

if TYPE_CHECKING:
    from monitor.events.inference.propose import Proposal


def lines_of(proposal: Proposal) -> str:
    """The lines for the settings file, each with its evidence above it."""
    lines = ["source:", "  mapping:"]
    for guess in proposal.guesses:
        lines.append(f"    # {guess.setting}: {_printable(guess.evidence)}")
        if guess.value is not None:
            written = yaml.safe_dump(guess.value, default_flow_style=True, width=10_000)
            lines.append(
                f"    {guess.setting}: {written.splitlines()[0]}"
            )  # a plain value is followed by a line of dots
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """On one line: the words of a log must not become lines of a settings file or codes for a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def show(proposal: Proposal | None, *, known: int, strangers: int, err: bool = False) -> None:
    """The proposal and how it fares on the sample."""
    if known:
        click.echo(f"{known:,} records are of a known format and are left out: driftline formats test", err=err)
    if proposal is None:
        what = "nothing in them is like a verdict or a score" if strangers else "no record is JSON of another kind"
        click.echo(f"no mapping: {what}", err=err)
        return
    click.echo(f"proposed from {proposal.records:,} records of no known format; check each line:", err=err)
    click.echo(lines_of(proposal), nl=False, err=err)
    click.echo(f"it reads {proposal.read:,} of {proposal.records:,} records, as {proposal.events:,} events", err=err)
    for sentence, count in proposal.reasons.items():
        click.echo(f"  not read, {count:,}: {sentence}", err=err)


def plain(proposal: Proposal | None, *, known: int, strangers: int) -> dict[str, Any]:
    """As JSON."""
    head = {"of_a_known_format": known, "of_no_format": strangers}
    if proposal is None:
        return {**head, "mapping": None}
    return {
        **head,
        "mapping": dict(proposal.mapping),
        "evidence": [asdict(guess) for guess in proposal.guesses],
        "records": proposal.records,
        "read": proposal.read,
        "events": proposal.events,
        "not_read": dict(proposal.reasons),
    }
