"""What is seen of the labelled stream, when, and typed as what."""

from __future__ import annotations

import pytest

from monitor.findings.model import Kind
from tests.real_stream.musts import verdicts
from tests.real_stream.replayed import Told, told
from tests.real_stream.stream import real_stream

SEED = 1
BY_REQUEST = {"request_join", "layer_bypass", "spec_gaming"}
"""Signals that join the events of a request inside a partition."""
BY_PARTITION = BY_REQUEST | {"repetition", "campaign"}
"""These, and those that compare a prompt with the partition's last ones."""


@pytest.fixture(scope="module")
def one() -> Told:
    return told(real_stream(SEED))


@pytest.fixture(scope="module")
def scattered() -> Told:
    return told(real_stream(SEED), layout="scattered")


def paged(told_: Told) -> set[tuple[str, str, str]]:
    """Every page of signals that need no partition: they add counts, and counts add up. Not when: the budget of what
    cannot be asked goes to the rest."""
    return {
        (f.guardrail, f.signal, f.question)
        for f in told_.replay.findings
        if f.kind is Kind.page and f.signal not in BY_PARTITION
    }


def broken(told_: Told) -> list[str]:
    return [f"{v.about}: {v.must}: {v.found}" for v in verdicts(told_) if not v.held]


def test_the_stream_shows_what_it_must(one: Told) -> None:
    assert not broken(one)


def test_nothing_is_lost_on_the_way(one: Told, scattered: Told) -> None:
    for each in (one, scattered):
        assert each.replay.summary.events == len(each.stream.lines)
        assert (each.replay.summary.dead_lettered, each.replay.summary.duplicates) == (0, 0)


def test_without_a_key_what_cannot_be_joined_is_said_and_the_rest_is_found_as_before(
    one: Told, scattered: Told
) -> None:
    said = scattered.unavailable()["answer-toxicity"]
    assert "key the topic by conversation" in said["layer_bypass"]
    assert not [f for f in scattered.replay.findings if f.signal == "layer_bypass"]
    assert "layer_bypass" not in one.unavailable()["answer-toxicity"]
    assert [f for f in one.replay.findings if f.signal == "layer_bypass"]
    assert paged(one) <= paged(scattered)
    assert not [text for text in broken(scattered) if text.startswith("nulls: no false page")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_other_seeds_page_and_are_silent_too(seed: int) -> None:
    assert not [v for v in verdicts(told(real_stream(seed))) if not v.held and "page" in v.must]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spread_by_conversation_it_shows_the_same(seed: int) -> None:
    stream = real_stream(seed)
    whole, keyed = told(stream), told(stream, layout="keyed")
    assert paged(whole) == paged(keyed)
