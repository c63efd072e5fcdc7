"""Golden samples: a record of each shape that guardrails really emit, and the canonical events that it must give.

One JSON file per sample: ``format`` (which the record must be recognised as), ``record``, ``events``. Records follow
the vendors' documentation and schemas; names, texts and numbers in them are made up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.decoder import FormatDecoder
from monitor.events.formats.format import Context
from monitor.events.formats.reader import Reader
from monitor.events.formats.registry import FORMATS
from monitor.events.formats.thresholds import Thresholds
from tests.unit.events.blocks import KEY

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Sample:
    name: str
    format: str
    record: Any
    events: list[dict[str, Any]]

    @property
    def value(self) -> bytes:
        """The record as it would stand in Kafka."""
        return self.record.encode() if isinstance(self.record, str) else json.dumps(self.record).encode()


def _load(file: Path) -> Sample:
    content = json.loads(file.read_text(encoding="utf-8"))
    return Sample(file.stem, content["format"], content["record"], content["events"])


SAMPLES = [_load(file) for file in sorted(FOLDER.glob("*.json"))]
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


def sample(name: str) -> Sample:
    return next(one for one in SAMPLES if one.name == name)


def new_reader(*thresholds: str) -> Reader:
    return Reader(FORMATS, ENVELOPES, Context(Thresholds.parse(thresholds)), max_depth=32)


def new_decoder(*thresholds: str) -> FormatDecoder:
    return FormatDecoder(Decoder(Vocabulary.bounded(), KEY), new_reader(*thresholds), max_bytes=1 << 20)


def read(value: Any, *thresholds: str) -> list[dict[str, Any]]:
    """The events of a record, absent fields left out."""
    reader = new_reader(*thresholds)
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    events = [event for part in reader.parts(raw) for event in reader.events(part) or []]
    return [{name: said for name, said in event.items() if said is not None} for event in events]
