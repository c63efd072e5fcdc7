"""What fires together says what kind of trouble it is: the rules as a table of what must come out."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, IncidentType, Kind, Promise
from monitor.incidents.classify import RULES, classify, leading
from monitor.incidents.coincide import coincide
from monitor.signals.registry import SIGNALS

T0 = 1_795_403_520_000
MINUTE = 60_000


def fired(said: str) -> list[Finding]:
    """``signal/question`` per word; ``~`` before it is a notice, ``@output`` after it a stage, ``x9`` how large."""
    findings = []
    for number, word in enumerate(said.split()):
        name, *more = word.removeprefix("~").replace(" ", "").split(":")
        stage = next((each[1:] for each in more if each.startswith("@")), "input")
        size = next((float(each[1:]) for each in more if each.startswith("x")), 5.0)
        mix = 0.9 if "mix" in more else 0.1
        signal, _, question = name.partition("/")
        kind = Kind.notice if word.startswith("~") else Kind.page
        findings.append(
            Finding(
                id=f"f{number}",
                guardrail="shield",
                guardrail_version="1",
                category="",
                signal=signal,
                question=question or "any_change",
                stratum="",
                kind=kind,
                direction=Direction.change,
                promise=Promise.proved,
                onset_low_ms=T0,
                onset_high_ms=T0 + MINUTE,
                detected_at_ms=T0 + 2 * MINUTE,
                paged_at_ms=T0 + 2 * MINUTE if kind is Kind.page else None,
                effect=Effect(baseline=0.02, current=0.02 * size, ratio=size),
                evidence=Evidence(log_evidence=0.1, events=9, level=None, detail=""),
                attribution=(Contribution(what="mix", name="who asks", share=mix),),
                stage=stage,
            )
        )
    return findings


ANOTHER_KIND = "more_unsafe_and_another_kind"
TABLE = [
    # probing: crowding at the threshold, with or without the variants that make it
    ("boundary_proximity/near_threshold", "probing", "crowding_outgrows_denials"),
    ("boundary_proximity/near_threshold repetition/near_duplicate_rise", "probing", "variants_at_the_edge"),
    ("boundary_proximity/near_threshold ~campaign ~input_length", "probing", "crowding_outgrows_denials"),
    # ... seven alike in an hour are not what crowds the threshold
    ("boundary_proximity/near_threshold:x3 verdict_mix/adverse_rise:x9 ~campaign", "attack_wave", ANOTHER_KIND),
    ("boundary_proximity/near_threshold:x40 verdict_mix/adverse_rise:x4", "probing", "crowding_outgrows_denials"),
    ("boundary_proximity/near_threshold ~traffic_mix", "probing", "crowding_outgrows_denials"),
    ("repetition/near_duplicate_rise", "probing", "variants"),
    # attack waves: many more denials
    ("verdict_mix/adverse_rise", "attack_wave", "more_unsafe"),
    ("verdict_mix/adverse_rise ~input_length", "attack_wave", ANOTHER_KIND),
    ("verdict_mix/adverse_rise ~category_mix", "attack_wave", ANOTHER_KIND),
    (
        "verdict_mix/adverse_rise:x9 boundary_proximity/near_threshold:x3",
        "attack_wave",
        ANOTHER_KIND,
    ),
    ("verdict_mix/adverse_rise repetition/near_duplicate_rise", "attack_wave", ANOTHER_KIND),
    ("verdict_mix/adverse_rise ~traffic_mix/new_stratum", "attack_wave", ANOTHER_KIND),
    ("verdict_mix/adverse_rise:@", "attack_wave", "more_unsafe"),
    ("verdict_mix/adverse_rise:@retrieval", "attack_wave", "more_unsafe"),
    ("layer_bypass/bypass_rise:@output ~input_script", "attack_wave", "attack_passes_a_layer"),
    ("layer_bypass/bypass_rise:@output ~input_turn", "output_shift", "worse_answers"),
    # ... of another kind must be at least as many as what they are to explain
    ("layer_bypass/bypass_rise:@output:x9 ~input_script:x3", "output_shift", "worse_answers"),
    ("boundary_proximity/near_threshold:x30 ~campaign ~input_rules:x3", "probing", "crowding_outgrows_denials"),
    (
        "~boundary_proximity repetition/near_duplicate_rise verdict_mix/adverse_rise",
        "probing",
        "variants_nearer_the_edge",
    ),
    ("~boundary_proximity:@output repetition/near_duplicate_rise", "probing", "variants"),
    # ... known attacks crowd the threshold as well, and viral ones repeat themselves
    (
        "verdict_mix/adverse_rise:x9 boundary_proximity/near_threshold:x30 ~campaign ~input_rules:x40",
        "attack_wave",
        ANOTHER_KIND,
    ),
    ("~input_rules ~score_shift", "attack_wave", "attack_marks"),
    # ... or the model sees them first
    ("output_refusal/refusal_rise:@output ~score_shift", "attack_wave", "refused_and_another_kind"),
    ("output_refusal/refusal_rise:@output traffic_mix/new_slices_surge:@", "attack_wave", "refused_and_another_kind"),
    ("output_refusal/refusal_rise:@output ~input_turn ~score_shift:@output", "output_shift", "other_answers"),
    ("layer_bypass/bypass_rise verdict_mix/adverse_rise", "attack_wave", "attack_passes_a_layer"),
    # benign shifts: other traffic, the same behaviour
    ("~traffic_mix", "benign_traffic_shift", "other_requests"),
    ("~traffic_mix ~score_shift ~input_script", "benign_traffic_shift", "other_requests"),
    ("~traffic_mix ~verdict_mix:mix", "benign_traffic_shift", "other_requests"),
    ("traffic_mix/new_stratum", "benign_traffic_shift", "other_requests"),
    ("~category_mix", "benign_traffic_shift", "other_requests"),
    ("~coverage/volume_rise", "benign_traffic_shift", "more_or_less_traffic"),
    ("~coverage/volume_fall ~traffic_mix", "benign_traffic_shift", "other_requests"),
    # ... but not when the guardrail behaves otherwise too
    ("~traffic_mix ~verdict_mix", "unclassified", ""),
    ("verdict_mix/adverse_fall ~traffic_mix", "unclassified", ""),
    # regressions of the guardrail
    ("verdict_mix/adverse_fall", "guardrail_regression", "weaker_on_the_same_traffic"),
    ("verdict_mix/adverse_fall ~score_shift", "guardrail_regression", "weaker_on_the_same_traffic"),
    ("layer_bypass/bypass_rise:@output ~score_shift", "guardrail_regression", "first_layer_weaker"),
    ("release_delta/guardrail_version", "guardrail_regression", "guardrail_release"),
    (
        "release_delta/guardrail_version boundary_proximity/near_threshold",
        "guardrail_regression",
        "guardrail_release",
    ),
    ("labels_harmful/miss_rate_rise", "guardrail_regression", "wrong_by_people"),
    ("labels_benign/false_positive_rise", "guardrail_regression", "wrong_by_people"),
    # regressions of the model
    (
        "~release_delta/model_version:@output ~output_length:@output",
        "model_regression",
        "release_changes_answers",
    ),
    ("evals/safety", "model_regression", "model_release"),
    ("release_delta/model_version ~output_length", "model_regression", "model_release"),
    ("~release_delta/model_version", "unclassified", ""),
    ("evals/regressed", "model_regression", "model_release"),
    # what the model answers
    ("verdict_mix/adverse_rise:@output", "output_shift", "worse_answers"),
    ("verdict_mix/adverse_rise:@output layer_bypass/bypass_rise:@output", "output_shift", "worse_answers"),
    ("~output_length:@output", "output_shift", "other_answers"),
    ("output_refusal/refusal_rise:@output", "output_shift", "other_answers"),
    ("~score_shift:@output", "output_shift", "scores_of_answers"),
    ("spec_gaming/harmful_refusals_rise:@output", "specification_gaming", "refusal_in_name_only"),
    ("~spec_gaming:@output", "output_shift", "other_answers"),
    # requests pass
    ("coverage/not_run_rise", "fail_open", "not_judged"),
    ("coverage/silence", "fail_open", "not_judged"),
    ("verdict_mix/denied_but_allowed", "fail_open", "not_enforced"),
    ("coverage/not_run_rise verdict_mix/adverse_fall ~traffic_mix", "fail_open", "not_judged"),
    ("~coverage", "fail_open", "other_statuses"),
    # the log itself
    ("~contradictions/contradiction_share", "data_fault", "contradictory_log"),
    ("~contradictions/contradiction_share verdict_mix/adverse_fall", "data_fault", "contradictory_log"),
    ("~coverage/source_silent", "data_fault", "silent_log"),
    ("~request_join", "data_fault", "lost_joins"),
    ("~layer_bypass/join_misses:@output", "data_fault", "lost_joins"),
    ("intake/label_rise", "data_fault", "records_not_watched"),
    ("intake/new_units ~intake/new_unit", "data_fault", "records_not_watched"),
    # seven alike are no attempt yet, and explain nothing about other requests
    ("~campaign/cluster_rise", "unclassified", "few_variants"),
    ("campaign/cluster_rise ~score_shift", "unclassified", "few_variants"),
    ("~campaign/cluster_rise ~input_length", "benign_traffic_shift", "other_requests"),
    ("~campaign/cluster_rise repetition/near_duplicate_rise", "probing", "variants"),
    ("~repetition", "unclassified", "few_variants"),
    ("~release_delta/model_version", "unclassified", "release_compared"),
    # nothing that a rule knows
    ("~score_shift", "unclassified", ""),
    ("~boundary_proximity", "unclassified", ""),
    ("something_new/rise", "unclassified", ""),
    ("~release_delta/model_version ~score_shift", "unclassified", ""),
]


@pytest.mark.parametrize(("said", "trouble", "rule"), TABLE, ids=[row[0] for row in TABLE])
def test_what_fires_together_says_what_it_is(said: str, trouble: str, rule: str) -> None:
    found = classify(fired(said))
    assert found.trouble.value == trouble
    if rule:
        assert found.rule.startswith(f"{rule}: ")


def test_every_rule_is_reached_by_a_line_of_the_table_and_has_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert {row[2] for row in TABLE} - {""} == set(names)


def test_the_order_in_which_findings_come_does_not_matter() -> None:
    said = "boundary_proximity/near_threshold:x40 verdict_mix/adverse_rise:x4 ~input_length ~repetition"
    findings = fired(said)
    assert len({classify(order) for order in permutations(findings)}) == 1


def test_what_no_rule_knows_is_said_as_it_is_and_made_safe() -> None:
    found = classify(fired("~score_shift ~boundary_proximity"))
    assert found.trouble is IncidentType.unclassified
    assert found.rule == "no rule covers this combination: boundary_proximity/any_change, score_shift/any_change"
    many = classify(fired(" ".join(f"new{i}\x1b/rise" for i in range(20))))
    assert many.rule.endswith("and 12 more")
    assert "\x1b" not in many.rule


def test_every_question_that_can_page_is_typed_when_it_fires_alone() -> None:
    """A signal that is added without a rule shows here."""
    untyped = {
        f"{signal.name}/{question.name}"
        for signal in SIGNALS
        for question in signal.questions
        if all(
            classify(fired(f"{signal.name}/{question.name}:@{stage}")).trouble is IncidentType.unclassified
            for stage in ("input", "output")
        )
    }
    assert untyped == set()


def test_findings_fire_together_when_their_stretches_of_the_log_meet() -> None:
    (any_,) = fired("a/rise")

    def at(low: int, high: int, found: int) -> Finding:
        return msgspec.structs.replace(
            any_, id=f"{low}-{found}", onset_low_ms=low, onset_high_ms=high, detected_at_ms=found, paged_at_ms=found
        )

    first = at(T0, T0, T0 + 2 * MINUTE)

    def beginning(minutes: float, *, found_after: float = 2) -> Finding:
        onset = T0 + int(minutes * MINUTE)
        found = onset + int(found_after * MINUTE)
        return at(onset, onset, found)

    assert coincide(first, beginning(1))
    assert coincide(first, beginning(4))  # a gap as long as the longer stretch
    assert not coincide(first, beginning(4.1))
    assert coincide(first, beginning(12, found_after=10))  # a slow test knows its onset less well
    assert not coincide(first, beginning(40, found_after=600))  # never further than half an hour
    assert coincide(beginning(-4), first)
    assert coincide(first, beginning(-4))
    unknown = at(T0 - 600 * MINUTE, T0 + 60 * MINUTE, T0 + 62 * MINUTE)  # began somewhere in ten hours
    assert not coincide(first, unknown)
    slow = at(T0 - 300 * MINUTE, T0 - 290 * MINUTE, T0 + 200 * MINUTE)  # eight hours of a little here and there
    assert not coincide(first, slow)


def test_an_incident_has_the_most_specific_type_of_its_pages() -> None:
    pages = fired("verdict_mix/adverse_rise boundary_proximity/near_threshold something_new/rise")
    typed = []
    for page in pages:
        found = classify([page])
        typed.append(msgspec.structs.replace(page, trouble=found.trouble, trouble_rule=found.rule))
    for order in permutations(typed):
        found = leading(order)
        assert found is not None
        assert found.trouble is IncidentType.probing
    assert leading([]) is None
    assert leading(pages) is None  # found before there were types
