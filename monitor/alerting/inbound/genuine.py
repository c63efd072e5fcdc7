"""Whether a request comes from whom it says, now: each sender's own scheme, compared in constant time.

| sender | scheme |
| --- | --- |
| Grafana | HMAC-SHA256 of ``<unix seconds>:<body>``, hexadecimal, with the time in a header of its own |
| Slack | ``v0=`` and the HMAC-SHA256 of ``v0:<unix seconds>:<body>`` |
| PagerDuty | one or more ``v1=<hex>``, HMAC-SHA256 of the body; the body holds the time of the event |
| Alertmanager | cannot sign: a bearer token; a replay changes nothing, for what has ended stays ended |

Sources: Grafana's webhook contact point (HMAC signature), Slack's "Verifying requests", PagerDuty's "Webhook
signatures", Alertmanager's ``http_config.authorization``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from monitor.alerting.inbound.model import InboundSource, SourceKind

GRAFANA: Final = "x-grafana-alerting-signature"
SLACK: Final = "x-slack-signature"
SLACK_TIME: Final = "x-slack-request-timestamp"
PAGERDUTY: Final = "x-pagerduty-signature"
MOST_SIGNATURES: Final = 5


def refusal(source: InboundSource, headers: Mapping[str, str], body: bytes, *, now_ms: int) -> str | None:
    """Why a request is not genuine, as a sentence for the log; None: it is.

    Args:
        source: whom it says that it comes from.
        headers: by lower-case name.
        body: as it arrived, before any parsing.
        now_ms: the service's clock.
    """
    match source.kind:
        case SourceKind.grafana:
            at = headers.get(source.timestamp_header.lower(), "")
            claimed = headers.get(GRAFANA, "")
            return _late(at, source, now_ms) or _unsigned(source, f"{at}:".encode() + body, claimed)
        case SourceKind.slack:
            at = headers.get(SLACK_TIME, "")
            claimed = headers.get(SLACK, "").removeprefix("v0=")
            return _late(at, source, now_ms) or _unsigned(source, f"v0:{at}:".encode() + body, claimed)
        case SourceKind.pagerduty:
            claims = headers.get(PAGERDUTY, "").split(",")[:MOST_SIGNATURES]
            found = [_unsigned(source, body, claim.strip().removeprefix("v1=")) for claim in claims]
            return None if None in found else found[0]
        case SourceKind.alertmanager:
            scheme, _, token = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(token.strip().encode(), source.secret)
            return None if scheme.lower() == "bearer" and right else "the bearer token is missing or wrong"


def _late(at: str, source: InboundSource, now_ms: int) -> str | None:
    if not (at.isascii() and at.isdigit() and len(at) <= 12):
        return "the time of the signature is missing"
    if abs(now_ms - int(at) * 1000) > source.window_ms:
        return f"the signature is more than {source.window_ms // 1000} s old or early"
    return None


def _unsigned(source: InboundSource, signed: bytes, claimed: str) -> str | None:
    right = hmac.new(source.secret, signed, hashlib.sha256).hexdigest()
    return (
        None if hmac.compare_digest(right.encode(), claimed.encode("utf-8", "replace")) else "the signature is wrong"
    )
