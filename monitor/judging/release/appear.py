"""Which slices belong to a new release: one that the approved baseline of its stream has not seen.

- `model_version`: a model or version that is new in a watched stream. Old side: the stream's baseline, of the same
  model where it has one. New side: the stream's events of that model.
- `guardrail_version`: a new stream in the place of a watched one. Old side: the baseline of the same guardrail,
  category and stage that was approved last. New side: all events of the new stream.

What is seen while a stream has no baseline is part of what it learns, and no release.
"""

from __future__ import annotations

from typing import Final

from monitor.counts.model import Slice
from monitor.judging.release.state import Comparing, ReleaseState
from monitor.judging.watching.fleet import Fleet

KNOWN_MODELS: Final = 256
"""Most models of one stream that are known; as many as it may have strata."""
FOLLOWED: Final = 256
"""Releases of streams at a time, compared or too new to be. What is beyond waits until one is done."""
LATER: Final = ""
OTHER: Final = "(other)"
"""Pooled because a limit was reached: a release without a name."""


def model_of(piece: Slice) -> str:
    """The model and its version; empty where the events name neither."""
    return " ".join(part for part in (piece.model, piece.model_version) if part)


def key_of(what: str, unit: int, release: str) -> str:
    """The key under which a release of a stream is followed."""
    return f"{what}\x1f{unit}\x1f{release}"


def release_of(fleet: Fleet, state: ReleaseState, number: int, piece: Slice, tick: int) -> str | None:
    """The key that this slice's events are followed under from ``tick`` on; None where it is no new release.

    :data:`LATER` where there is no room: ask again when it has its next events.
    """
    unit = fleet.state.units[number]
    model = model_of(piece)
    version = key_of("guardrail_version", number, unit.unit.guardrail_version)
    key = key_of("model_version", number, model)
    back = next((one for one in (version, key) if one in state.left), None)
    if back is not None:
        room = len(state.following) < FOLLOWED
        return come_back(state, back, tick) if room else LATER
    if unit.epoch is None:
        known = state.known.setdefault(number, [])
        if model not in known and len(known) < KNOWN_MODELS:
            known.append(model)
        return _guardrail_release(fleet, state, number, tick)
    state.seen[number] = True
    if version in state.following:
        return version
    known = state.known.setdefault(number, [])
    if key in state.following or model in known or not model or OTHER in model or len(known) >= KNOWN_MODELS:
        return key if key in state.following else None
    if len(state.following) >= FOLLOWED:
        return LATER
    state.following[key] = Comparing(
        what="model_version",
        unit=number,
        old_unit=number,
        release=model,
        previous=", ".join(sorted(name for name in known if name)) or "(unnamed)",
        first_tick=tick,
    )
    return key


def come_back(state: ReleaseState, key: str, tick: int) -> str:
    """Follow a release again that had regressed when it went; its comparison stands. Returns the key."""
    one = state.following[key] = state.left.pop(key)
    one.first_tick, one.events = tick, 0
    return key


def _guardrail_release(fleet: Fleet, state: ReleaseState, number: int, tick: int) -> str | None:
    unit = fleet.state.units[number].unit
    key = key_of("guardrail_version", number, unit.guardrail_version)
    if key in state.following:
        return key
    named = unit.guardrail_version not in ("", OTHER)
    old = _predecessor(fleet, unit) if named and not state.seen.get(number) else None
    if old is not None and len(state.following) >= FOLLOWED:
        return LATER
    state.seen[number] = True
    if old is None:
        return None
    state.following[key] = Comparing(
        what="guardrail_version",
        unit=number,
        old_unit=old,
        release=unit.guardrail_version,
        previous=fleet.state.units[old].unit.guardrail_version or "(unnamed)",
        first_tick=tick,
    )
    return key


def _predecessor(fleet: Fleet, unit: Slice) -> int | None:
    """The watched stream that this one replaces: the last to be approved."""
    line = (unit.guardrail, unit.category, unit.stage)
    found = [
        (other.epoch.effective_tick, other.unit, number)
        for number, other in enumerate(fleet.state.units)
        if other.epoch is not None
        and (other.unit.guardrail, other.unit.category, other.unit.stage) == line
        and other.unit.guardrail_version != unit.guardrail_version
    ]
    return max(found)[2] if found else None
