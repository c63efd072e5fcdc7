"""The error body of an HTTP API: what a guardrail answers when it does not judge (throttled, refused, timed out).

Sources of the shapes: RFC 9457 and FastAPI (``detail``); Microsoft REST API guidelines, google.rpc.Status and
OpenAI's API reference (``error``); AWS JSON 1.1 (``__type``), boto3's ClientError (``Error``) and the AWS SDK for
JavaScript (``$fault``). The message is searched for words about time, and for nothing else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import at

KEYS: Final = ("error", "Error", "__type", "detail", "message", "errorCode", "errorMessage")
_INNER: Final = dict.fromkeys(("code", "status", "type", "message", "Code", "Message"), VALUE)
KEEP: Final[Keep] = {
    "error": (_INNER, VALUE),
    "Error": _INNER,
    "detail": VALUE,
    **dict.fromkeys(("__type", "message", "errorCode", "errorMessage", "code", "statusCode", "status_code"), VALUE),
}
_TIME: Final = re.compile(r"(?i)time[d ]{0,2}-?out|deadline.?exceeded")
_TIMES: Final = (408, 504, "408", "504")


def failure_of(record: Any) -> str | None:
    """The status of an error body, ``error`` or ``timeout``; None if the record is none."""
    if not isinstance(record, dict) or not _is_failure(record):
        return None
    inner = record.get("error") or record.get("Error") or {}
    words = [record.get(key) for key in (*KEYS, "name", "code", "statusCode", "status_code")]
    words += [inner.get(key) for key in _INNER] if isinstance(inner, dict) else [inner]
    late = any(one in _TIMES or (isinstance(one, str) and _TIME.search(one[:2_000])) for one in words if _plain(one))
    return "timeout" if late else "error"


def _is_failure(record: dict[str, Any]) -> bool:
    error = record.get("error")
    if isinstance(error, dict):
        return any(key in error for key in ("code", "message", "type"))
    if isinstance(error, str) and error:
        return True
    if isinstance(at(record, "Error", "Code"), str):
        return True
    if any(isinstance(record.get(key), str) for key in ("__type", "$fault", "errorCode", "errorMessage")):
        return True
    code = next((record[key] for key in ("statusCode", "status_code", "code") if _plain(record.get(key))), None)
    refused = str(code)[:1] in ("4", "5") and len(str(code)) == 3
    described = isinstance(record.get("message"), str) or isinstance(record.get("detail"), str)
    return described and (refused or set(record) <= {"message", "detail", "details"})


def _plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
