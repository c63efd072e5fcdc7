"""Documents as text: the same bytes for the same content, so that files and servers can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder


def as_json(document: Mapping[str, Any]) -> str:
    """JSON for people and for Grafana."""
    return json.dumps(document, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as plain data: what a server would read of it."""
    read: dict[str, Any] = json.loads(as_json(document))
    return read
