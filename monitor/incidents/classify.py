"""The type of an incident: a table of rules over everything that fired together; the first that fits counts.

    classify(findings) -> Classified(trouble, rule)

A finding is named here ``signal/question``. A rule requires some names, forbids others, and may require which of two
moved more. It sees names, kinds, stages and effects only, never when something arrived, so the same findings are
classified alike in every order. Where no rule fits the answer is `unclassified`, with what fired.

Why the order: what makes the log itself unreliable comes first, then what is telling by itself, then combinations,
and last the harmless explanation, which needs that nothing else has fired.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.findings.model import Contribution, Finding, IncidentType, Kind
from monitor.incidents.classify_rule import Fired, Names, Rule
from monitor.incidents.words import plain

MOSTLY: Final = 0.5
"""A notice of which the traffic's mix explains more than half is no evidence about behaviour."""
MOST_NAMED: Final = 8
"""Names in the sentence of an unclassified finding."""

TRAFFIC: Final[Names] = ("traffic_mix/*", "input_*/*", "category_mix/*")
"""Signals of the incoming requests, independent of the guardrails' judgement."""
VOLUME: Final[Names] = ("coverage/volume_rise", "coverage/volume_fall")
REPEATED: Final[Names] = ("repetition/*", "campaign/*")
VARIANTS: Final[Names] = ("repetition/near_duplicate_rise",)
"""Many of the requests, not only seven alike in a day, which everyday questions are as well."""
CROWDING: Final[Names] = ("boundary_proximity/near_threshold",)
MORE_UNSAFE: Final[Names] = ("verdict_mix/adverse_rise",)
FEWER_UNSAFE: Final[Names] = ("verdict_mix/adverse_fall",)
BYPASS: Final[Names] = ("layer_bypass/bypass_rise",)
ANSWERS: Final[Names] = ("output_*/*",)
VERSIONS: Final[Names] = ("release_delta/*", "evals/*")
MARKS: Final[Names] = ("input_rules/*", "input_disorder/*", "input_script/*", "traffic_mix/new_slices_surge")
"""What sets attacks apart from other requests: known patterns, an optimiser's tokens, slices that were never seen.
Length, turns and the mix of what is known move as often for harmless reasons."""
REFUSED: Final[Names] = ("output_refusal/refusal_rise",)
ENTRY_STAGES: Final = frozenset({"", "input", "retrieval", "tool"})
"""Stages at which what comes in is judged; a log that names no stage is taken to be about the input."""


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="contradictory_log",
        trouble=IncidentType.data_fault,
        sentence="scores, thresholds and verdicts contradict each other: first find out which of them is wrong",
        any_of=("contradictions/*",),
    ),
    Rule(
        name="silent_log",
        trouble=IncidentType.data_fault,
        sentence="no guardrail logs any event: the log, or what writes it, has stopped",
        any_of=("coverage/source_silent",),
    ),
    Rule(
        name="not_judged",
        trouble=IncidentType.fail_open,
        sentence="requests are not judged (error, timeout, skipped or no event), and may pass all the same",
        any_of=("coverage/not_run_rise", "coverage/silence"),
    ),
    Rule(
        name="not_enforced",
        trouble=IncidentType.fail_open,
        sentence="requests that were judged unsafe are let through",
        any_of=("verdict_mix/denied_but_allowed",),
    ),
    Rule(
        name="refusal_in_name_only",
        trouble=IncidentType.spec_gaming,
        sentence="more answers that look like refusals are judged harmful",
        any_of=("spec_gaming/*_rise",),
    ),
    Rule(
        name="wrong_by_people",
        trouble=IncidentType.guardrail_regression,
        sentence="people who looked at the requests find more of the guardrail's verdicts wrong",
        any_of=("labels_*/*_rise",),
    ),
    Rule(
        name="model_release",
        trouble=IncidentType.model_regression,
        sentence="a new version of the model does worse than the approved one",
        any_of=("release_delta/model_version", "evals/*"),
        paged=True,
    ),
    Rule(
        name="guardrail_release",
        trouble=IncidentType.guardrail_regression,
        sentence="a new version of the guardrail does worse than the approved one on the same kinds of requests",
        any_of=("release_delta/guardrail_version",),
        paged=True,
    ),
    Rule(
        name="release_changes_answers",
        trouble=IncidentType.model_regression,
        sentence="the model has a new version, and its answers have changed",
        any_of=("release_delta/model_version",),
        also_any_of=ANSWERS,
    ),
    Rule(
        name="variants_at_the_edge",
        trouble=IncidentType.probing,
        sentence="near-duplicate prompts whose scores crowd the threshold: somebody tests variants at the edge",
        any_of=CROWDING,
        also_any_of=VARIANTS,
        none_of=("input_rules/*",),  # a wave of known attacks crowds the threshold, too, and repeats itself
        weighed=("input_rules/*",),
    ),
    Rule(
        name="variants_nearer_the_edge",
        trouble=IncidentType.probing,
        sentence="many near-duplicate prompts, and scores nearer the threshold than before",
        any_of=("boundary_proximity/any_change",),
        also_any_of=VARIANTS,
        none_of=("input_rules/*",),
        weighed=("input_rules/*",),
        stages=ENTRY_STAGES,  # answers move for the model's reasons
    ),
    Rule(
        name="crowding_outgrows_denials",
        trouble=IncidentType.probing,
        sentence="scores crowd the threshold, and denials have grown less: somebody probes where it lies",
        any_of=CROWDING,
        none_of=("input_rules/*",),
        weighed=("input_rules/*",),
        outgrows=(*MORE_UNSAFE, *FEWER_UNSAFE),
    ),
    Rule(
        name="weaker_on_the_same_traffic",
        trouble=IncidentType.guardrail_regression,
        sentence="fewer requests are judged unsafe, and no test shows that the requests have changed",
        any_of=FEWER_UNSAFE,
        none_of=TRAFFIC,
    ),
    Rule(
        name="attack_passes_a_layer",
        trouble=IncidentType.attack_wave,
        sentence="requests with marks of attacks, and the next layer catches more of what the first let pass",
        any_of=BYPASS,
        also_any_of=(*MARKS, *VARIANTS, *MORE_UNSAFE),
        also_stages=ENTRY_STAGES,
        weighed=(*MARKS, *VARIANTS, *MORE_UNSAFE),
    ),
    Rule(
        name="first_layer_weaker",
        trouble=IncidentType.guardrail_regression,
        sentence="the first layer judges differently, and the next catches more of what it let pass",
        any_of=BYPASS,
        also_any_of=(*FEWER_UNSAFE, "score_shift/*", "verdict_mix/any_change"),
        also_stages=ENTRY_STAGES,
    ),
    Rule(
        name="more_unsafe_and_another_kind",
        trouble=IncidentType.attack_wave,
        sentence="more requests are judged unsafe, and the requests have changed or repeat each other",
        any_of=MORE_UNSAFE,
        also_any_of=(*TRAFFIC, *REPEATED, *VOLUME, *CROWDING),
        stages=ENTRY_STAGES,
    ),
    Rule(
        name="more_unsafe",
        trouble=IncidentType.attack_wave,
        sentence="more requests are judged unsafe by the same version of the guardrail",
        any_of=MORE_UNSAFE,
        stages=ENTRY_STAGES,
    ),
    Rule(
        name="attack_marks",
        trouble=IncidentType.attack_wave,
        sentence="known attack patterns have another share, and scores have moved or requests repeat each other",
        any_of=("input_rules/*",),
        also_any_of=("score_shift/*", *CROWDING, *REPEATED),
        also_stages=ENTRY_STAGES,
    ),
    Rule(
        name="refused_and_another_kind",
        trouble=IncidentType.attack_wave,
        sentence="the model refuses more, and the requests have marks of attacks or other scores",
        any_of=REFUSED,
        also_any_of=(*MARKS, *VARIANTS, "score_shift/*"),
        also_stages=ENTRY_STAGES,
    ),
    Rule(
        name="variants",
        trouble=IncidentType.probing,
        sentence="many requests come back in variants: a person or a program tests them",
        any_of=VARIANTS,
    ),
    Rule(
        name="worse_answers",
        trouble=IncidentType.output_shift,
        sentence="more answers of the model are judged unsafe, and no test shows that the requests have changed",
        any_of=(*MORE_UNSAFE, *BYPASS),
        stages=frozenset({"output"}),
    ),
    Rule(
        name="other_answers",
        trouble=IncidentType.output_shift,
        sentence="the model's answers have changed in length, refusals, ending, language or format",
        any_of=(*ANSWERS, "spec_gaming/any_change"),
    ),
    Rule(
        name="scores_of_answers",
        trouble=IncidentType.output_shift,
        sentence="the scores or verdicts of the model's answers have changed",
        any_of=("score_shift/*", "category_mix/*", "verdict_mix/any_change"),
        none_of=("traffic_mix/*",),
        stages=frozenset({"output"}),
    ),
    Rule(
        name="lost_joins",
        trouble=IncidentType.data_fault,
        sentence="events of one request are no longer found: request ids are missing, or spread over partitions",
        any_of=("*/join_misses", "request_join/*"),
    ),
    Rule(
        name="records_not_watched",
        trouble=IncidentType.data_fault,
        sentence="more records than usual are rejected, labels or of names never seen: what is in them?",
        any_of=("intake/*",),
        paged=True,
    ),
    Rule(
        name="other_requests",
        trouble=IncidentType.benign_shift,
        sentence="the requests have changed, and no test shows that any kind of them is judged differently",
        any_of=TRAFFIC,
        no_page_but=("traffic_mix/*",),
        behaves=(*TRAFFIC, *VOLUME, *VERSIONS, "score_shift/any_change", "campaign/*"),
    ),
    Rule(
        name="more_or_less_traffic",
        trouble=IncidentType.benign_shift,
        sentence="only the amount of traffic has changed",
        any_of=VOLUME,
        no_page_but=(),
        behaves=VOLUME,
    ),
    Rule(
        name="other_statuses",
        trouble=IncidentType.fail_open,
        sentence="the statuses have changed: which requests does the guardrail judge at all?",
        any_of=("coverage/any_change",),
    ),
    Rule(
        name="few_variants",
        trouble=IncidentType.unclassified,
        sentence="requests came back in variants, too few to conclude that somebody tests them",
        any_of=REPEATED,
    ),
    Rule(
        name="release_compared",
        trouble=IncidentType.unclassified,
        sentence="a new version is compared with the approved one, and no test shows that it does worse",
        any_of=("release_delta/*",),
        no_page_but=VERSIONS,
        behaves=VERSIONS,
    ),
)


@dataclass(frozen=True, slots=True)
class Classified:
    """The type, and why: the rule's name and its sentence, in words for people."""

    trouble: IncidentType
    rule: str


def classify(findings: Iterable[Finding]) -> Classified:
    """The type of findings that fire together, independent of their order."""
    fired = sorted({_fired(finding) for finding in findings}, key=lambda each: (each.name, each.stage, each.page))
    for rule in RULES:
        if rule.fits(fired):
            return Classified(rule.trouble, f"{rule.name}: {rule.sentence}")
    names = list(dict.fromkeys(plain(each.name) for each in fired))
    named = ", ".join(names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return Classified(IncidentType.unclassified, f"no rule covers this combination: {named}{more}")


def leading(pages: Sequence[Finding]) -> Classified | None:
    """The type of an incident: the most specific one of its pages; None where none is typed."""
    order = list(IncidentType)
    typed = [(order.index(page.trouble), page.detected_at_ms, page.id, page) for page in pages if page.trouble]
    if not typed:
        return None
    page = min(typed, key=lambda each: each[:3])[3]
    return Classified(page.trouble or IncidentType.unclassified, page.trouble_rule)


def _fired(finding: Finding) -> Fired:
    return Fired(
        name=f"{finding.signal}/{finding.question}",
        page=finding.kind is Kind.page,
        stage=finding.stage,
        size=_moved(finding.effect.baseline, finding.effect.current),
        change=abs(finding.effect.current - finding.effect.baseline),
        by_mix=_share_of_mix(finding.attribution) > MOSTLY,
    )


def _moved(baseline: float, current: float) -> float:
    if baseline == current:
        return 1.0
    if min(baseline, current) <= 0:
        return math.inf
    return max(current / baseline, baseline / current)


def _share_of_mix(shares: Iterable[Contribution]) -> float:
    return max((share.share for share in shares if share.what == "mix"), default=0.0)
