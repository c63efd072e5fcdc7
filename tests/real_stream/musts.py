"""What the stream must show, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from scipy.stats import poisson

from monitor.findings.model import Promise
from tests.real_stream.replayed import BUDGET, Told, answers_power
from tests.real_stream.schedule import DAY_MS
from tests.real_stream.sightings import Sighting, is_eventful
from tests.real_stream.stream import Span

SHAPE = ("input_*/*", "traffic_mix/*")
"""By which attacks are seen that do not move scores: length, script, disorder, rule hits, and who asks."""


@dataclass(frozen=True, kw_only=True)
class Must:
    """What is asked of a stretch.

    Attributes:
        paged: it pages while it lasts.
        within: and within so many requests after its onset.
        typed: types of which one of its pages must have one (of its findings, where no page is asked for).
        only_typed: types beyond which no page of it may have one.
        seen_by: a finding of one of these signals, at least as a notice.
        silent: no page at all.
    """

    paged: bool = False
    within: int | None = None
    typed: tuple[str, ...] = ()
    only_typed: tuple[str, ...] | None = None
    seen_by: tuple[str, ...] = ()
    silent: bool = False


MUSTS: dict[str, Must] = {
    "probing": Must(paged=True, within=200, typed=("probing",)),
    "jailbreak wave": Must(paged=True, typed=("attack_wave",)),
    "suffix attack": Must(seen_by=SHAPE),
    "benign language shift": Must(typed=("benign_traffic_shift",), only_typed=("benign_traffic_shift",)),
    "multilingual injection": Must(seen_by=SHAPE),
    "long-context injection": Must(seen_by=SHAPE),
    "output-toxicity shift": Must(paged=True, typed=("output_shift",)),
    "fine-tuned model": Must(paged=True, typed=("model_regression",)),
    "retrained guardrail": Must(paged=True, typed=("guardrail_regression",)),
    "library update": Must(silent=True),
    "small output-toxicity shift": Must(),
}


@dataclass(frozen=True)
class Verdict:
    """One must, held or broken."""

    about: str
    must: str
    held: bool
    found: str


def verdicts(told: Told) -> list[Verdict]:
    """Every must of every stretch that the stream has, and those of the quiet ones."""
    out: list[Verdict] = []
    for place, span in enumerate(told.stream.spans):
        if is_eventful(span):
            out += _of_stretch(told, span, told.of(place))
    return [*out, *_quiet(told)]


def _of_stretch(told: Told, span: Span, seen: Sequence[Sighting]) -> list[Verdict]:
    must = MUSTS[span.name]
    pages = [s for s in seen if s.page and not s.after_end]
    out = []

    def say(what: str, held: bool, found: Sequence[Sighting]) -> None:
        words = "; ".join(f"{s.name} ({s.trouble or 'untyped'}) after {s.requests}" for s in found) or "nothing"
        out.append(Verdict(span.name, what, held, words))

    if must.paged:
        power = answers_power(told, span) if span.name.endswith("toxicity shift") else None
        if power is not None and not power.enough:
            out.append(Verdict(span.name, "lacks the power, and says so", power.least is None or True, str(power)))
        else:
            typed = [s for s in pages if s.trouble in must.typed]
            say("paged", bool(pages), pages)
            say(f"typed as {' or '.join(must.typed)}", bool(typed), pages)
            if must.within is not None:
                say(f"within {must.within} requests", any(s.requests <= must.within for s in typed), typed or pages)
    elif must.typed:
        say(f"typed as {' or '.join(must.typed)}", any(s.trouble in must.typed for s in seen), seen)
    if must.only_typed is not None:
        wrong = [s for s in seen if s.page and s.trouble not in must.only_typed]
        say(f"no page but of {' or '.join(must.only_typed)}", not wrong, wrong)
    if must.seen_by:
        by = [s for s in seen if not s.after_end and any(fnmatchcase(s.name, name) for name in must.seen_by)]
        say(f"seen by {' or '.join(must.seen_by)}", bool(by), by or seen)
    if must.silent:
        say("no page", not any(s.page for s in seen), [s for s in seen if s.page])
    return out


def _quiet(told: Told) -> list[Verdict]:
    """No false page, and no more false notices than the budget makes likely (99 % limit).

    The budget is that of the tests with a promise. Rules promise no rate; and the mix of traffic is left out, since
    its test takes requests for independent, which those of one conversation are not: the table shows how often it is
    wrong.
    """
    false = told.of(-1)
    updates = [i for i, span in enumerate(told.stream.spans) if is_eventful(span) and MUSTS[span.name].silent]
    quiet = [*false, *(s for i in updates for s in told.of(i))]
    notices = [s for s in quiet if not s.page and s.finding.promise is not Promise.rule]
    pages = [s for s in false if s.page]
    days = (told.stream.request_ms[-1] - told.stream.request_ms[0]) / DAY_MS
    most = most_likely(float(BUDGET["notices"]) * days)
    words = "; ".join(f"{s.name} of {s.finding.guardrail}" for s in notices) or "nothing"
    return [
        Verdict("nulls", "no false page", not pages, "; ".join(s.name for s in pages) or "nothing"),
        Verdict("nulls", f"at most {most} false notices", len(notices) <= most, words),
    ]


def most_likely(mean: float) -> int:
    """The most that a Poisson count of this mean comes to, but for once in a hundred times."""
    return int(poisson.ppf(0.99, mean))
