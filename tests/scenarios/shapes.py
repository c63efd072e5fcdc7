"""What the texts of a story look like: the fields of an event that a producer measures and sends."""

from __future__ import annotations

from typing import Any

import numpy as np

SHAPES = ("length", "scripts", "suffix", "late", "rules", "refusal", "cut", "lift", "harms")
SPREAD = 0.6
"""Standard deviation of the logarithm of real prompts' lengths is .4 (S-Labs) to .7 (chatterbot-corpus)."""


def shape_of(said: dict[str, str], rng: np.random.Generator) -> dict[str, Any]:
    """One event's shape; seven draws whatever is said, so that one word of a story moves no other column."""
    length, script, suffix, late, rules, refusal, cut, harm = (rng.normal(), *rng.random(7).tolist())
    shape: dict[str, Any] = {}
    if said["length"]:
        side = "output_length" if said["stage"] == "output" else "input_length"
        shape[side] = int(float(said["length"]) * np.exp(SPREAD * length))
    if said["scripts"]:
        shape["script"] = _pick(said["scripts"], script)
    if said["suffix"]:
        shape["disorder"] = 9 if suffix < _share(said["suffix"]) else int(script < 0.02)
    if said["late"]:
        shape["turn"] = 16 if late < _share(said["late"]) else 1 + int(script * 4)
    if said["rules"]:
        shape["rules"] = ["override"] if rules < _share(said["rules"]) else []
    if said["refusal"]:
        shape["refusal"] = refusal < _share(said["refusal"])
    if said["cut"]:
        shape["finish_reason"] = "length" if cut < _share(said["cut"]) else "stop"
    if said["harms"]:
        shape["category"] = _pick(said["harms"], harm)
    return shape


def _share(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def _pick(weights: str, draw: float) -> str:
    parts = [part.split(":") for part in weights.split(",")]
    edges = np.cumsum([float(weight) for _, weight in parts])
    return parts[int(np.searchsorted(edges, draw * edges[-1], side="right"))][0]
