"""Units and strata: the two halves of a slice, and their names for people."""

from __future__ import annotations

import dataclasses
from typing import Final

from monitor.pipeline.ports import Slice

REST: Final = "(rest)"
"""The stratum that pools what has too little baseline to stand on its own, and what was never seen."""


def unit_of(piece: Slice) -> Slice:
    """The slice without its stratum: one stream in one epoch of version, threshold and score semantics."""
    return dataclasses.replace(piece, language="", app="", model="", model_version="", format="")


def stratum_of(piece: Slice) -> str:
    """The stratum's name, such as ``language=en app=chat``; empty where the slice carries none of the fields."""
    fields = ("language", "app", "model", "model_version", "format")
    return " ".join(f"{name}={value}" for name in fields if (value := getattr(piece, name)))
