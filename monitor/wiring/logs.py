"""The service's own log: lines for people or JSON, UTC, without secrets; libraries log at WARNING.

set_up_logs(level="info", form="json")
structlog.stdlib.get_logger("driftline.counting").info("partition assigned", partition="events-3", offset=1200)
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

MASK: Final = "***"
MAX_VALUE: Final = 2_000
"""Characters of one value; a record that is logged by mistake must not fill a disk."""
MAX_TRACE: Final = 64_000
"""Characters of a traceback."""

_SECRET_KEY: Final = re.compile(
    r"pass(word|wd)?$|secret|token|authorization|cookie|credential|api_?key|private_key|^key$", re.I
)
_SECRET_IN_URL: Final = re.compile(r"(://[^/\s:@]{0,256}:)[^\s]{0,256}@")
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.I)
_SECRET_IN_TEXT: Final = re.compile(
    r"((?:password|passwd|secret[a-z_]*|token|authorization|api_?key)[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s,;})\]]+)",
    re.I,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def set_up_logs(*, level: str, form: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process; call it once, first.

    Args:
        level: least important level that Driftline writes: debug, info, warning or error.
        form: ``console`` or ``json``.
        stream: where to write; standard error by default.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(form, out)],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # Our own loggers are named driftline.<room>; every other name is a library's.
    logging.getLogger("driftline").setLevel(level.upper())
    # Its event loop warns whenever this process was busy for 0.1 s; that is no trouble of the log's.
    logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Values of keys that sound like secrets, passwords in URLs, bearer tokens; and no control characters."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _masked(key, value, lines=key in ("exception", "stack"))
    return event


def _masked(key: str, value: Any, *, lines: bool = False) -> Any:
    if _SECRET_KEY.search(key):
        return MASK
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(inner): _masked(str(inner), below) for inner, below in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked("", item) for item in value]
    return _clean(str(value), most=MAX_TRACE if lines else MAX_VALUE, line_end="\n    " if lines else "\\n")


def _clean(text: str, *, most: int, line_end: str) -> str:
    """Text without secrets that cannot be mistaken for another entry: control characters and line ends escaped.

    A traceback keeps its lines, but indented, since it ends with a message that somebody else may have written.
    """
    if len(text) > most:
        text = f"{text[:most]}... ({len(text)} characters)"
    text = _BEARER.sub(rf"\1 {MASK}", _SECRET_IN_URL.sub(rf"\1{MASK}@", text))
    text = _SECRET_IN_TEXT.sub(rf"\1{MASK}", text)
    text = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return text.replace("\n", line_end)


def _renderer(form: str, stream: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )
