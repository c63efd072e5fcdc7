"""Nothing of a text survives decoding, and sentences about rejected records do not quote what they should not."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from monitor.events.decode import Decoded
from monitor.events.reasons import Reason
from tests.unit.events.blocks import block_of, event, new_decoder

SECRET = "SECRET-4111-1111-1111-1111"
ODD_SECRET = f"é\n{SECRET}\ud800"


def everything(decoded: Decoded) -> bytes:
    """All that a decoded block holds, columns and vocabularies and rejections, with the arrays behind its views."""
    columns = [getattr(decoded.batch, name) for name in type(decoded.batch).__dataclass_fields__]
    arrays = [array for array in columns if isinstance(array, np.ndarray)]
    arrays += [array.base for array in arrays if isinstance(array.base, np.ndarray)]
    return pickle.dumps(decoded.rejected) + pickle.dumps(columns) + b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize(
    "known",
    [
        {"text": SECRET},
        {"text": ODD_SECRET},
        {"text": SECRET, "fingerprint": "0123456789abcdef"},
        {"text": SECRET, "turn": 0},
        {"text": [SECRET]},
        {"text": {SECRET: SECRET}},
        {"text": SECRET, "stage": SECRET[:0] + "nowhere"},
        {"rules": [SECRET]},
        {"rules": SECRET},
        {"rules": [{SECRET: 1}]},
        {"labels": {SECRET: SECRET}},
        {"labels": {SECRET: 1}},
        {"labels": SECRET},
        {"prompt": SECRET},
        {"guardrail": SECRET * 10},
        {"event_id": SECRET},
        {"event_id": [SECRET]},
        {"fingerprint": SECRET},
        {"v": SECRET},
        {"time": SECRET},
        {"stage": SECRET},
        {"verdict": SECRET},
        {"status": SECRET, "score": SECRET},
    ],
)
def test_no_secret_survives_decoding(known: dict[str, Any], general: bool) -> None:
    value = json.dumps(event() | known).encode()
    decoder = new_decoder()
    decoded = (decoder.decode_general if general else decoder.decode)(block_of([value, value[:-1]]))
    assert len(decoded.rejected) >= 1  # the truncated copy at least
    assert decoded.rejected[-1].reason == Reason.invalid_json
    assert b"4111" not in everything(decoded)
