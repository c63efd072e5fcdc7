"""Results of safety suites: the runs on each version of a model, and their counts."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Worse(StrEnum):
    """Which way a metric is worse."""

    when_high = "higher"
    """k counts what must not happen: attacks that succeeded, benign requests refused."""
    when_low = "lower"
    """k counts what should happen: refusals of harmful requests, correct answers."""


class RunState(StrEnum):
    """A run is recorded; a person approves one per model as the baseline; the next approval replaces it."""

    recorded = "recorded"
    approved = "approved"
    replaced = "replaced"


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """The same items through the old and the new version."""

    better: int
    worse: int
    same: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one suite, in one slice: k of n."""

    suite: str
    metric: str
    slice: str = ""
    worse: Worse = Worse.when_high
    n: int
    k: int
    items: dict[str, bool] = {}
    """Hash of the item's name -> whether it is among the k. The name itself is not kept: it may be the prompt."""
    pairs: Pairs | None = None
    """Where the file holds both outcomes of each item."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One recording."""

    id: int
    """0 until stored."""
    model: str
    version: str
    state: RunState
    recorded_by: str
    recorded_at_ms: int
    reason: str = ""
    results: tuple[Result, ...]
