"""The judge's whole state as bytes, and back: structs as MessagePack, arrays in NumPy's format, no pickles."""

from __future__ import annotations

import hashlib
import io
from typing import Final

import msgspec
import numpy as np

from detectors.evidence import Evidence
from detectors.recoupling import Recoupler
from monitor.judging.judge_settings import OURS, JudgeSettings
from monitor.judging.ports import Snapshot
from monitor.judging.state import JudgeState
from monitor.judging.watching.battery import Battery
from monitor.judging.watching.dense import DenseTests
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.panel import Panel
from monitor.signals.registry import LAYOUT, SIGNALS

VERSION: Final = 17
"""Raise it when the meaning of the state changes: older snapshots are then not used, and counts are replayed."""


def fingerprint(rule: JudgeSettings) -> str:
    """The conditions of using a snapshot. Budgets are not in it: a new budget changes future spend only."""
    judged = [(name, one.enabled, one.detector, one.parameters) for name, one in rule.signals]
    judged = [one for one in judged if one[1:] != (True, OURS, ())]  # a weight changes future spend only
    asked = [(signal.questions, signal.alternatives, signal.misses) for signal in SIGNALS]
    text = f"{VERSION};{LAYOUT.document()};{asked};{rule.tick_ms};{rule.strata};{judged}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dump(fleet: Fleet) -> Snapshot:
    """The fleet after all ticks below its ``judged_before``."""
    arrays = {f"evidence.{name}": array for name, array in fleet.panel.evidence.snapshot().items()}
    arrays |= {f"recoupler.{name}": array for name, array in fleet.panel.recoupler.snapshot().items()}
    arrays |= {f"dense.{name}": array for name, array in fleet.panel.dense.snapshot().items()}
    arrays["state"] = np.frombuffer(msgspec.msgpack.encode(fleet.state), np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return Snapshot(tick=fleet.state.judged_before, fingerprint=fingerprint(fleet.rule), blob=out.getvalue())


def load(snapshot: Snapshot, rule: JudgeSettings) -> tuple[JudgeState, Panel]:
    """State and panel as they were; wire them up in a :class:`Fleet`."""
    with np.load(io.BytesIO(snapshot.blob), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    battery = Battery(
        Evidence.restore(_part(arrays, "evidence.")),
        Recoupler.restore(_part(arrays, "recoupler.")),
        DenseTests.restore(_part(arrays, "dense.")),
    )
    panel = Panel(strata=rule.strata + 1, battery=battery)
    return msgspec.msgpack.decode(arrays["state"].tobytes(), type=JudgeState), panel


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
