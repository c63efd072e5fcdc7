"""Guesses which field is which, each with the evidence for it in words that a person can check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.events.formats.mapping import spelled
from monitor.events.inference.evidence import CLEAR, agreement, ranking, scale_of
from monitor.events.inference.profile import Profile
from monitor.events.inference.vocabulary import (
    ALLOWS,
    CATEGORIES,
    DENIES,
    FLAGS,
    GUARDRAILS,
    IDS,
    NAMES,
    NO_SCORES,
    REQUESTS,
    SCORES,
    SESSIONS,
    STAGES,
    STATUSES,
    TEXTS,
    THRESHOLDS,
    TIMES,
    VERDICT_NAMES,
    VERDICTS,
)

MAX_WORDS: Final = 12
MAX_NAMES: Final = 60
ID_VARIETY: Final = 0.9
_HIDDEN: Final = ("text", "time")


@dataclass(frozen=True, slots=True)
class Guess:
    """One setting of the mapping.

    Attributes:
        setting: its name.
        value: as in the settings file.
        evidence: why, for a person.
    """

    setting: str
    value: Any
    evidence: str


@dataclass(slots=True)
class Guesses:
    """All settings that were guessed, and the fields that are taken."""

    found: dict[str, Guess] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def add(self, setting: str, profile: Profile | None, value: Any, evidence: str) -> None:
        """One more, if there is none for this setting."""
        if setting not in self.found:
            self.found[setting] = Guess(setting, value, evidence)
            if profile is not None:
                self.taken.add(profile.path)

    def free(self, fields: Iterable[Profile]) -> list[Profile]:
        """Fields that are not taken yet."""
        return [one for one in fields if one.path not in self.taken]


def judged(fields: Sequence[Profile]) -> Guesses:
    """Verdict, score and threshold: what makes a record an event."""
    guesses = Guesses()
    verdict = max(fields, key=_verdict_points, default=None)
    adverse: list[bool | None] = [None] * (fields[0].records if fields else 0)
    if verdict is not None and _verdict_points(verdict) > 0:
        words = _verdict_words(verdict)
        adverse = [_is_adverse(value, words) for value in verdict.values]
        lines = [f"{word} = {meaning}" for word, meaning in words.items()]
        guesses.add("verdict", verdict, verdict.path, _verdict_evidence(verdict, words))
        guesses.add("verdicts", None, lines, "every word that was seen and is understood; others are rejected")
    score = max(guesses.free(fields), key=lambda one: _score_points(one, adverse), default=None)
    if score is not None and _score_points(score, adverse) >= 3:
        _add_score(guesses, score, adverse, fields)
    return guesses


def described(guesses: Guesses, fields: Sequence[Profile], *, of_record: bool) -> None:
    """Names, ids, times and the rest, of the fields that are left."""
    _best(guesses, "time", [one for one in fields if one.times >= 0.95 * one.present > 0], TIMES, "is a time")
    for one in guesses.free(fields):
        _add_identity(guesses, one)
    short = [one for one in fields if one.texts == one.present > 0 and one.longest <= 128 and not one.times]
    names = [one for one in short if len(one.distinct) <= MAX_NAMES and _is_shared(one)]
    _best(guesses, "guardrail", names, GUARDRAILS, "names few things")
    if not of_record:
        _best(guesses, "guardrail", [one for one in names if one.name & NAMES], tuple(NAMES), "names each element")
    _best(guesses, "category", names, CATEGORIES, "names few things")
    for setting, wanted in (("stage", STAGES), ("status", STATUSES)):
        for one in guesses.free(names):
            if one.distinct.keys() <= wanted:
                guesses.add(setting, one, one.path, f"holds {_list(one.distinct)} alone")
    for setting, tokens in (
        ("model", ("model", "llm")),
        ("app", ("app", "application", "service", "product")),
        ("language", ("language", "lang", "locale")),
    ):
        _best(guesses, setting, names, tokens, "names few things")
    for one in guesses.free(fields):
        if one.numbers == one.present > 0 and one.name & {"ms", "millis", "milliseconds"} and min(_known(one)) >= 0:
            guesses.add("latency_ms", one, one.path, f"from {min(_known(one)):g} to {max(_known(one)):g}, called so")
    long = [one for one in fields if one.texts == one.present > 0 and one.characters >= 15 * one.texts]
    varied = [one for one in long if one.variety >= 0.2 and not one.times]
    _best(guesses, "text", varied, TEXTS, "long and varied; fingerprinted, then dropped")


def _is_adverse(value: Any, words: Mapping[str, str]) -> bool | None:
    verdict = words.get(spelled(value) or "")
    return None if verdict is None else verdict != "allow"


def _verdict_points(one: Profile) -> float:
    """Likeness of a field to a verdict; 0 is none."""
    words = _verdict_words(one)
    known = sum(one.distinct[value] for value in one.distinct if spelled(value) in words)
    if not words or known < 0.5 * one.present or one.present < 0.05 * one.records:
        return 0.0
    named = 2.0 * bool(one.name & (VERDICT_NAMES | DENIES | FLAGS | ALLOWS))
    return (
        named + len(set(words.values())) + known / one.present + one.present / one.records + bool(one.name & DENIES)
    )


def _verdict_words(one: Profile) -> dict[str, str]:
    """Meaning of its values: of booleans by the name, of words by the words themselves."""
    if one.booleans == one.present > 0:
        if one.name & ALLOWS and not one.name & {"not", "un"}:
            return {"true": "allow", "false": "deny" if one.name & {"allowed", "approved", "accepted"} else "flag"}
        if one.name & (DENIES | FLAGS):
            return {"true": "deny" if one.name & DENIES else "flag", "false": "allow"}
        return {}
    if one.texts < one.present or len(one.distinct) > MAX_WORDS:
        return {}
    spellings = (spelled(value) or "" for value in one.distinct)
    return {
        word: VERDICTS[key] for word in spellings if (key := word.replace("-", "_").replace(" ", "_")) in VERDICTS
    }


def _verdict_evidence(one: Profile, words: dict[str, str]) -> str:
    counts = ", ".join(f"{spelled(value)} {count:,}" for value, count in one.distinct.most_common(MAX_WORDS))
    unknown = [value for value in one.distinct if spelled(value) not in words]
    tail = f"; not understood and so rejected: {_list(unknown)}" if unknown else ""
    return f"in {one.present:,} of {one.records:,}: {counts}{tail}"


def _score_points(one: Profile, adverse: Sequence[bool | None]) -> float:
    values = _known(one)
    if not values or min(values) < 0 or one.numbers + one.spelled < one.present or one.name & NO_SCORES or one.times:
        return 0.0
    ranked = ranking(one.as_numbers(), adverse)
    told = 0.0 if ranked is None else 6.0 * abs(ranked[0] - 0.5)
    named = 3.0 * bool(one.name & SCORES) + bool(one.around & SCORES)
    constant = len(one.distinct) < 2
    return 0.0 if constant and not named else named + told + (max(values) <= 1 and one.variety > 0.05)


def _add_score(guesses: Guesses, one: Profile, adverse: Sequence[bool | None], fields: Sequence[Profile]) -> None:
    values, numbers = _known(one), one.as_numbers()
    highest = 100.0 if one.name & {"percent", "pct", "percentage"} else scale_of(values)
    quoted = "" if one.numbers else ", as text"
    about = f"from {min(values):g} to {max(values):g}{quoted}, {len(one.distinct):,} distinct"
    guesses.add("score", one, one.path if one.numbers else f"to_number({one.path})", about)
    if highest != 1:
        seen = f"the largest seen is {max(values):g}; set it if the scale is longer"
        guesses.add("highest", None, _plain(highest), seen)
    if 1 < highest <= 7:
        guesses.add("score_kind", None, "'ordinal'", "whole numbers, few of them")
    semantics, why = _semantics(numbers, adverse, at_least=min(values) / highest)
    guesses.add("score_semantics", None, semantics, why)
    for other in guesses.free(fields):
        cuts = _known(other)
        if not cuts or not other.name & THRESHOLDS or len(other.distinct) > MAX_WORDS:
            continue
        if not 0 <= min(cuts) <= max(cuts) <= highest:
            continue
        fit = agreement(numbers, other.as_numbers(), adverse, low=semantics == "'inverted'")
        told = "" if fit is None else f"; {fit:.0%} of the verdicts are on its side"
        path = other.path if other.numbers else f"to_number({other.path})"
        guesses.add("threshold", other, path, f"{len(other.distinct)} distinct, on the score's scale{told}")


def _semantics(
    scores: Sequence[float | None], adverse: Sequence[bool | None], *, at_least: float
) -> tuple[str | None, str]:
    """Meaning of the score, None for the default, P(unsafe); and the reason."""
    ranked = ranking(scores, adverse)
    if ranked is None:
        return None, "no verdicts of both kinds to judge it by; taken for: high is unsafe"
    share, bad, good = ranked
    why = f"an adverse record ranks above an allowed one in {share:.0%} of pairs ({bad:,} and {good:,} records)"
    if 1 - CLEAR < share < CLEAR:
        if at_least >= 0.5:
            return "'label_confidence'", f"never below half, and {why}"
        return None, f"unclear: {why}; taken for: high is unsafe"
    return ("'inverted'", f"low is unsafe: {why}") if share < CLEAR else (None, f"high is unsafe: {why}")


def _add_identity(guesses: Guesses, one: Profile) -> None:
    if one.booleans or one.longest > 200 or one.present < 0.5 * one.records:
        return
    named_id = bool(one.name & IDS) or one.name & {"requestid", "traceid", "sessionid"}
    unique = one.variety >= ID_VARIETY or len(one.distinct) >= 1_000
    many = f"{len(one.distinct):,} distinct in {one.present:,}"
    if named_id and one.near & SESSIONS and not one.name & REQUESTS:
        guesses.add("session_id", one, one.path, f"{many}, called so")
    elif named_id and one.near & REQUESTS:
        guesses.add("request_id", one, one.path, f"{many}, called so")
    elif named_id and unique and not one.name & {"user", "client", "account", "org"}:
        guesses.add("event_id", one, one.path, f"unique: {many}")


def _best(guesses: Guesses, setting: str, fields: Iterable[Profile], tokens: Sequence[str], why: str) -> None:
    """The field whose name has the first of these words."""
    free = [one for one in guesses.free(fields) if one.present >= 0.5 * one.records]
    for token in tokens:
        for one in free:
            if token in one.name or (setting == "guardrail" and one.name & NAMES and token in one.near):
                shown = f": {_list(one.distinct)}" if one.longest <= 40 and len(one.distinct) <= 5 else ""
                guesses.add(setting, one, one.path, f"{why}{'' if setting in _HIDDEN else shown}; called {token}")
                return


def _is_shared(one: Profile) -> bool:
    """Whether values come again and again, as names do and ids do not; unknown of a few records."""
    return one.present < 20 or one.variety < 0.5


def _known(one: Profile) -> list[float]:
    return [value for value in one.as_numbers() if value is not None]


def _list(values: Iterable[Any]) -> str:
    return ", ".join(sorted(str(value)[:40] for value in values)[:MAX_WORDS])


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
