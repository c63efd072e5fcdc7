"""Samples with a marked secret in every field that Driftline does not need as a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.events.formats.registry import BY_NAME
from tests.unit.events.formats.samples import Sample

SECRET = "SECRET-4111-1111"
KEPT_AS_NAMES = ("guardrail", "guardrail_version", "category", "model", "model_version", "app", "language", "format")


def spots(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a record."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from spots(value, (*path, key))
    else:
        yield path


def put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = dict(node) if isinstance(node, dict) else list(node)
    copied[path[0]] = put(copied[path[0]], path[1:], value)
    return copied


def beside(node: Any) -> Any:
    """The record with an unknown, secret field in every object."""
    if isinstance(node, dict):
        return {key: beside(value) for key, value in node.items()} | {f"x-{SECRET}": SECRET, "note": [SECRET, {}]}
    return [beside(item) for item in node] if isinstance(node, list) else node


def marked(sample: Sample) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, the record with the secret at this path), for every value that no event of the sample is named by."""
    names = {str(value) for event in sample.events for name, value in event.items() if name in KEPT_AS_NAMES}
    for path in spots(sample.record):
        value = sample.record
        for key in path:
            value = value[key]
        if isinstance(value, str) and any(value in name for name in names):
            continue  # guardrails, models and categories are what Driftline is about
        yield path, put(sample.record, path, SECRET)


def surrounded(sample: Sample) -> Any:
    """The record with a secret beside every field; only at the top where keys of a format are names themselves."""
    record = sample.record
    keep = str(BY_NAME[sample.format].keep) if sample.format in BY_NAME else ""
    if "*" in keep:
        return record | {f"x-{SECRET}": SECRET} if isinstance(record, dict) else record
    return beside(record)
