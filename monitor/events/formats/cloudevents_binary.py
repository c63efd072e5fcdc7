"""CloudEvents, binary mode: the envelope is in Kafka headers (``ce_id``, ``ce_source``), the value is the record.

Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2. Identity is (source, id), as in structured mode.
"""

from __future__ import annotations

from typing import Final

from monitor.events.formats.format import Identity
from monitor.events.formats.values import identifier, instant
from monitor.events.headers import rows_with
from monitor.events.records import RecordBlock

_MARK: Final = b"ce_specversion"


def identities(block: RecordBlock) -> dict[int, Identity]:
    """The envelope of each record that has one in its headers, by row; of most blocks none, at little cost."""
    if block.headers_start is None or block.headers_end is None:
        return {}
    found: dict[int, Identity] = {}
    for row in rows_with(_MARK, block.buffer, block.headers_start, block.headers_end).tolist():
        identity = _identity(block, row)
        if identity is not None:
            found[row] = identity
    return found


def _identity(block: RecordBlock, row: int) -> Identity | None:
    """None where id or source are missing: then it is no CloudEvent, and its value is read as it is."""
    try:
        headers = {key: value.decode() for key, value in block.headers(row) if value and key.startswith("ce_")}
    except ValueError:
        return None
    source, name = identifier(headers.get("ce_source")), identifier(headers.get("ce_id"))
    if source is None or name is None:
        return None
    return Identity(record=f"{source} {name}", time=instant(headers.get("ce_time")))
