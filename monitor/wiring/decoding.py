"""The decoder that the settings ask for: canonical events alone, or the wire formats of real guardrails."""

from __future__ import annotations

import structlog

from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.formats.decoder import BlockDecoder, FormatDecoder
from monitor.events.formats.format import Context, Format
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.reader import CANONICAL, Reader
from monitor.events.formats.registry import BY_NAME, ENVELOPES, FORMATS
from monitor.events.formats.thresholds import Thresholds
from monitor.settings.model import Settings
from monitor.settings.source import Source

AUTO = "auto"
_LOG = structlog.stdlib.get_logger("driftline.formats")


def block_decoder(settings: Settings, vocabulary: Vocabulary, key: bytes) -> BlockDecoder:
    """Decoder of ``source.format``; with ``canonical`` there is nothing between the records and the scanner."""
    limits = settings.limits
    canonical = Decoder(vocabulary, key, max_bytes=limits.record_bytes, max_depth=limits.depth)
    if settings.source.format == CANONICAL:
        return canonical
    return FormatDecoder(
        canonical,
        reader_of(settings.source, max_depth=limits.depth),
        max_bytes=limits.record_bytes,
        auto=settings.source.format == AUTO,
        on_format=lambda partition, name, why: _LOG.info(
            "format recognised", partition=partition, format=name, why=why
        ),
    )


def reader_of(source: Source, *, max_depth: int) -> Reader:
    """Reader of ``source.format``."""
    context = Context(thresholds=Thresholds.parse(source.thresholds or ()))
    return Reader(_formats(source), ENVELOPES, context, max_depth=max_depth)


def _formats(source: Source) -> tuple[Format, ...]:
    """The formats that a record may be of, in the order in which they are tried."""
    if source.format not in (AUTO, MAPPING):
        return (BY_NAME[source.format],)
    known = FORMATS if source.format == AUTO else ()
    if source.mapping is None:
        return known
    mapping = source.mapping
    return (*known, mapping_format(mapping.expressions, events=mapping.events, highest=mapping.highest))
