"""The configured decoder: canonical events alone, or the wire formats of real guardrails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from monitor.errors import SettingsError
from monitor.events.batch import Vocabulary
from monitor.events.decode import MAX_DEPTH, Decoder
from monitor.events.envelopes.registry import ENVELOPES, envelopes_with
from monitor.events.envelopes.unwrap import unwrap_envelope
from monitor.events.formats.compiled_mapping import Scan, compiled, scan_of
from monitor.events.formats.decoder import BlockDecoder, CanonicalDecoder, FormatDecoder
from monitor.events.formats.format import Context, Envelope, Format
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.reader import CANONICAL, Reader
from monitor.events.formats.registry import BY_NAME, FORMATS
from monitor.events.formats.threshold_filler import ThresholdFiller
from monitor.events.formats.thresholds import Thresholds
from monitor.ingestion.files import FileSource
from monitor.ingestion.schema_registry import RegistryOptions, SchemaRegistry
from monitor.ingestion.source import Source as LogSource
from monitor.settings import load_settings
from monitor.settings.model import Settings
from monitor.settings.source import SchemaRegistry as RegistrySettings
from monitor.settings.source import Source

AUTO = "auto"
_LOG = structlog.stdlib.get_logger("driftline.formats")


def block_decoder(
    settings: Settings, vocabulary: Vocabulary, key: bytes, *, reader: Reader | None = None
) -> BlockDecoder:
    """Decoder of ``source.format``; with ``canonical`` there is nothing between the records and the scanner.

    Args:
        settings: format, thresholds, limits.
        vocabulary: where words get their codes.
        key: of the fingerprints.
        reader: of other formats, in place of the one of the settings.
    """
    limits = settings.limits
    decoder = Decoder(vocabulary, key, max_bytes=limits.record_bytes, max_depth=limits.depth)
    canonical: CanonicalDecoder = decoder
    if settings.source.thresholds:
        canonical = ThresholdFiller(decoder, Thresholds.parse(settings.source.thresholds))
    if settings.source.format == CANONICAL:
        return canonical
    return FormatDecoder(
        canonical,
        reader or reader_of(settings.source, max_depth=limits.depth),
        max_bytes=limits.record_bytes,
        auto=settings.source.format == AUTO,
        on_format=lambda partition, name, why: _LOG.info(
            "format recognised", partition=partition, format=name, why=why
        ),
        scan=None if reader else mapping_scan(settings.source, decoder),
    )


def mapping_scan(source: Source, decoder: Decoder) -> Scan | None:
    """The compiled scan of ``source.mapping``; None if there is none, or if it takes more than paths and constants.

    Left to the reader are records with a key by which an envelope or, with ``auto``, another format is told.
    """
    mapping = source.mapping
    if source.format not in (AUTO, MAPPING) or mapping is None or mapping.events is not None or source.unwrap:
        return None
    aside = {key for one in ENVELOPES if not one.weak for key in one.keys}
    if source.format == AUTO:
        aside |= {"v", *(key for one in FORMATS for key in one.keys)}
    program = compiled(
        mapping.expressions, when=mapping.when, highest=mapping.highest, verdicts=mapping.words, aside=sorted(aside)
    )
    return None if program is None else scan_of(decoder, program, Thresholds.parse(source.thresholds or ()))


def reader_of(source: Source, *, max_depth: int, kind: Callable[..., Reader] = Reader) -> Reader:
    """Reader of ``source.format``; ``kind`` may be a subclass that observes what it reads."""
    context = Context(thresholds=Thresholds.parse(source.thresholds or ()))
    return kind(_formats(source), _envelopes(source), context, max_depth=max_depth)


def reader_for(name: str, config: Path | None) -> Reader:
    """Reader of one format by name, with mapping and thresholds of a settings file if there is one.

    Raises:
        SettingsError: the name is of no format, mapping is named without one, or the file is wrong.
    """
    if config is None:
        if name == MAPPING:
            raise SettingsError("--format mapping needs --config, whose source.mapping names the place of each field")
        if name not in (AUTO, CANONICAL, *BY_NAME):
            raise SettingsError(f"--format: {name[:80]!r} is not a format; see `driftline formats`")
        formats = FORMATS if name in (AUTO, CANONICAL) else (BY_NAME[name],)
        return Reader(formats, ENVELOPES, Context(), max_depth=MAX_DEPTH)
    settings = load_settings(config)
    source = settings.source if name == AUTO else settings.source.model_copy(update={"format": name})
    if source.format not in (AUTO, CANONICAL, MAPPING, *BY_NAME):
        raise SettingsError(f"--format: {name[:80]!r} is not a format; see `driftline formats`")
    return reader_of(source, max_depth=settings.limits.depth)


def first_records(path: Path, count: int) -> list[bytes]:
    """The first records of a file of lines, also ``.gz`` and ``.zst``; ``-`` is standard input.

    Raises:
        SourceRefused: the file cannot be read.
    """
    return sample(FileSource([path]), count)


def sample(source: LogSource, count: int) -> list[bytes]:
    """The first records of a source that ends, which is closed then.

    Raises:
        SourceRefused, SourceUnavailable: it cannot be read.
    """
    found: list[bytes] = []
    source.start(_Reading())
    try:
        while len(found) < count:
            polled = source.poll(timeout_s=1.0)
            for block in polled.blocks:
                found += [block.value(row) or b"" for row in range(min(len(block), count - len(found)))]
            if polled.ended >= source.partitions():
                break
    finally:
        source.close()
    return found


class _Reading:
    """A source's reader that claims everything from the beginning."""

    def assigned(self, partitions: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(partitions, 0)

    def position(self, partition: str) -> int:
        return 0

    def revoked(self, partitions: Sequence[str]) -> None:
        """Files are not taken away."""

    def lost(self, partitions: Sequence[str]) -> None:
        """Nor lost."""


def _formats(source: Source) -> tuple[Format, ...]:
    """The formats that a record may be of, in the order in which they are tried."""
    if source.format not in (AUTO, CANONICAL, MAPPING):
        return (BY_NAME[source.format],)
    known = () if source.format == MAPPING else FORMATS
    mapping = source.mapping
    if mapping is None:
        return known
    mapped = mapping_format(
        mapping.expressions,
        when=mapping.when,
        events=mapping.events,
        highest=mapping.highest,
        verdicts=mapping.words,
    )
    return (*known, mapped)


def _envelopes(source: Source) -> tuple[Envelope, ...]:
    """The envelopes that may be around a record, in the order in which they are tried."""
    unwrap, registry = source.unwrap, source.schema_registry
    known = ENVELOPES if registry is None else envelopes_with(SchemaRegistry(_registry_options(registry)))
    if unwrap is None:
        return known
    return (unwrap_envelope(unwrap.expressions, when=unwrap.when, record=unwrap.record), *known)


def _registry_options(registry: RegistrySettings) -> RegistryOptions:
    return RegistryOptions(
        url=registry.url,
        username=registry.username,
        password=registry.password,
        ca_file=registry.ca_file,
        timeout_s=registry.timeout.seconds,
    )
