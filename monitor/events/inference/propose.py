"""A mapping for records of no format, proposed from a sample of them and tried on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.events.formats.decoder import canonical_json
from monitor.events.formats.format import Context, Format
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.reader import Reader
from monitor.events.general import read
from monitor.events.inference.guess import Guess, Guesses, described, judged
from monitor.events.inference.profile import groups, profiles
from monitor.events.reasons import Reason, Rejection

MAX_DEPTH: Final = 64
_ORDER: Final = (
    "when",
    "events",
    "guardrail",
    "guardrail_version",
    "stage",
    "category",
    "verdict",
    "verdicts",
    "score",
    "highest",
    "score_kind",
    "score_semantics",
    "threshold",
    "status",
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping and how it fares.

    Attributes:
        mapping: as in the settings, under ``source.mapping``.
        guesses: each setting with its evidence; those without a value were left at their default.
        records: records of the sample that were of no format.
        read: of them, those that the mapping reads.
        events: events that they give.
        reasons: why the others are not read.
    """

    mapping: Mapping[str, Any]
    guesses: Sequence[Guess]
    records: int
    read: int
    events: int
    reasons: Mapping[str, int]


def strangers(reader: Reader, values: Sequence[bytes]) -> tuple[list[Any], int]:
    """The objects of a sample that are of no format, out of their envelopes; and how many there were of a format."""
    found: list[Any] = []
    known = 0
    for value in values:
        for part in reader.parts(value):
            if part.fault is None:
                known += isinstance(part.record, dict) or part.format is not None
            elif part.fault.reason is Reason.unknown_format and isinstance(part.record, dict) and part.record:
                found.append(part.record)
    return found, known


def propose(records: Sequence[Any], *, name: str) -> Proposal | None:
    """A mapping for these records; None if nothing in them is like a verdict or a score.

    Args:
        records: parsed, of one kind by and large.
        name: of the guardrail, where no field names it.
    """
    if not records:
        return None
    whole = profiles(records)
    guesses, when = judged(whole), ""
    for path, elements in groups(records):
        if sum(map(bool, elements)) < 0.9 * len(records):
            continue  # a list of hits: records without any would be lost
        inner = _of_elements(elements)
        if inner is not None:
            guesses = inner
            when = path
            break
    if not guesses.found:
        return None
    described(guesses, _whole_again(whole) if when else whole, of_record=not when)
    if guesses.found.get("verdicts") and _says_itself(guesses.found["verdicts"].value):
        del guesses.found["verdicts"]
    evident = guesses.found.get("verdict") or guesses.found["score"]
    field = (
        str(evident.value).removeprefix("to_number(").removesuffix(")" if "to_number(" in str(evident.value) else "")
    )
    condition = f"{when}[].{field}" if when else f"{field} != `null`"
    guesses.add("when", None, condition, "what the verdict or the score is taken from must be there")
    if when:
        guesses.add("events", None, when, "an array whose elements have a verdict or a score of their own")
    guesses.add("guardrail", None, f"'{_constant(name)}'", "no field names it; taken from the name of the log")
    order = {setting: place for place, setting in enumerate(_ORDER)}
    ordered = sorted(guesses.found.values(), key=lambda one: order.get(one.setting, len(order)))
    mapping = {one.setting: one.value for one in ordered if one.value is not None}
    return _tried(mapping, ordered, records)


def _says_itself(lines: Sequence[str]) -> bool:
    """Whether every word of the record is the canonical one already."""
    return all(word.strip() == meaning.strip() for word, _, meaning in (line.rpartition("=") for line in lines))


def _of_elements(elements: Sequence[Sequence[Any]]) -> Guesses | None:
    fields = profiles([one for some in elements for one in some])
    guesses = judged(fields)
    if not guesses.found:
        return None
    described(guesses, fields, of_record=False)
    guesses.taken = set()
    return guesses


def _whole_again(fields: Sequence[Any]) -> list[Any]:
    """Fields of the whole record, as they are reached from an element of it."""
    return [_renamed(one) for one in fields]


def _renamed(one: Any) -> Any:
    one.path = f"root().{one.path}" if not one.path.startswith("json(") else f"json(root().{one.path[len('json(') :]}"
    return one


def _constant(name: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return plain.strip("-.")[:60] or "guardrail"


def format_of(mapping: Mapping[str, Any]) -> Format:
    """The format of a proposed mapping."""
    others = ("when", "events", "verdicts", "highest")
    words = [line.rpartition("=") for line in mapping.get("verdicts", ())]
    return mapping_format(
        {setting: text for setting, text in mapping.items() if setting not in others},
        when=mapping["when"],
        events=mapping.get("events"),
        highest=float(mapping.get("highest", 1.0)),
        verdicts=[(word.strip(), meaning.strip()) for word, _, meaning in words],
    )


def _tried(mapping: Mapping[str, Any], guesses: Sequence[Guess], records: Sequence[Any]) -> Proposal:
    form, context = format_of(mapping), Context()
    events = done = 0
    reasons: Counter[str] = Counter()
    for record in records:
        try:
            found = form.read(record, context)
            for event in found:
                read(canonical_json(event), has_timestamp=True, max_depth=MAX_DEPTH)
        except Rejection as why:
            reasons[why.sentence if why.reason is not Reason.unknown_format else "mapping.when does not hold"] += 1
            continue
        done += bool(found)
        events += len(found)
    return Proposal(mapping, guesses, len(records), done, events, dict(reasons.most_common(5)))
