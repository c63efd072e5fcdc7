"""A survey of a log, taken while it is decoded: formats, streams, scores, contradictions, dropped fields.

    survey = Survey(settings)
    with replayed(source, settings, decoder_of=survey.decoder): ...
    survey.streams()

It wraps the decoder and observes its output, so nothing is read twice, and keeps sums only: no text and no event but
some of the records that could not be read.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.backtest.unread import Unread
from monitor.counting.slice_table import SliceTable
from monitor.counts.model import Slice
from monitor.counts.units import family_of, unit_of
from monitor.events.batch import Action, EventBatch, ScoreKind, Status, Verdict, Vocabulary
from monitor.events.decode import Decoded
from monitor.events.formats.decoder import BlockDecoder
from monitor.events.formats.explain import UNREADABLE, explain
from monitor.events.formats.format import Event, Identity
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.reader import CANONICAL, Reader, Recognised
from monitor.events.reasons import NO_FAULT
from monitor.events.records import RecordBlock
from monitor.settings.model import Settings
from monitor.signals import contradictions
from monitor.wiring.decoding import AUTO, block_decoder, reader_of

BINS: Final = 20
"""Bins of the score histograms that are shown."""
FINE: Final = 4_000
"""Bins that thresholds are learned from: .00025 wide, so that every thousandth is an edge."""
ROUNDING: Final = 1e-9
"""A score such as .29 * 4,000 must not fall below its edge by the last bit."""
MAX_FINE: Final = 256
"""Streams without threshold that are looked at so closely: 64 KB each."""
EXPLAINED: Final = 200
"""Records that are explained field by field, to see what is dropped."""
MOST_NAMES: Final = 200
"""Names of dropped fields of one format that are kept apart."""
LONGEST_NAME: Final = 64
"""Characters of one part of a path; field names of real logs have up to 40."""
TEXT_FIELDS: Final = "(names that look like text)"
OTHER_FIELDS: Final = "(other fields)"
EXPLAINED_PER_BLOCK: Final = 50
MAX_NAMES: Final = 1_000


@dataclass(slots=True)
class FormatSeen:
    """One wire format among the records."""

    records: int = 0
    why: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    """By name; names that look like text, and names beyond :data:`MOST_NAMES`, are pooled."""
    """Path -> in how many of the explained records; never a value."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """The observations of one unit: a guardrail's category in one version, with one threshold."""

    unit: Slice
    format: str
    events: int
    verdicts: dict[str, int]
    actions: dict[str, int]
    statuses: dict[str, int]
    scores: list[int]
    """Histogram of P(unsafe) over [0, 1]."""
    allowed_above: int
    """Allowed although the score is above the threshold."""
    stopped_below: int
    """Not allowed although the score is below the threshold."""
    strata: dict[str, dict[str, int]]
    """Field (language, app, model, ...) -> value -> events; the largest few."""
    carried: dict[str, int]
    """Field (request_id, text, refusal) -> events that carry it."""

    @property
    def scored(self) -> int:
        """Events with a score."""
        return sum(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """Scores and verdicts of a family of streams without a threshold, in narrow bins."""

    family: Slice
    format: str
    level: bool
    """Few ordered levels, not a continuum."""
    scores: NDArray[np.float64]
    allowed: NDArray[np.int64]
    adverse: NDArray[np.int64]
    without_verdict: int


_VERDICTS: Final = (*(v.name for v in Verdict), "none")
_ACTIONS: Final = (*(a.name for a in Action), "none")
_STATUSES: Final = tuple(s.name for s in Status)
_STRATA: Final = ("language", "app", "model", "model_version", "format")
_SHOWN: Final = 5
CARRIED: Final = ("request_id", "text", "refusal")
"""Fields that questions need beside score and verdict."""


class Survey:
    """Sums over everything that is decoded.

    Args:
        settings: by which it is decoded.
        proposed: where the mapping of the settings comes from, if nobody has set it.
    """

    def __init__(self, settings: Settings, *, proposed: str = "") -> None:
        limits = settings.limits
        self.proposed = proposed
        """Where the mapping comes from, if nobody has set it."""
        self._sums: dict[str, NDArray[np.int64]] = {
            name: np.zeros((64, width), np.int64)
            for name, width in (
                ("verdict", len(_VERDICTS)),
                ("action", len(_ACTIONS)),
                ("status", len(_STATUSES)),
                ("score", BINS),
                ("contradiction", 2),
                *((name, 1) for name in CARRIED),
            )
        }
        self._new_slices: Callable[[Vocabulary], SliceTable] = lambda vocabulary: SliceTable(
            vocabulary, units=limits.units, strata_per_unit=limits.strata_per_unit, slices=limits.slices
        )
        self._slices: SliceTable | None = None
        self._vocabulary: Vocabulary | None = None
        self._fine: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._fine_scores: dict[tuple[int, int], set[float]] = {}
        self._family: dict[tuple[int, int], Slice] = {}
        self.formats: dict[str, FormatSeen] = {}
        self.format_of: dict[str, str] = {}
        """Guardrail -> the format that its records are of; those of no entry are canonical."""
        self.unread = Unread()
        """Some of the records that were no event; gone with the survey."""
        self.read_records = 0
        """Records that a reader has read at least a part of; those of an envelope count once."""
        self._explained = 0
        self._reader: Reader | None = None

    def decoder(self, settings: Settings, vocabulary: Vocabulary, key: bytes) -> BlockDecoder:
        """The configured decoder, instrumented."""
        kind = functools.partial(_NotingReader, self._note)
        self._reader = reader_of(settings.source, max_depth=settings.limits.depth)
        noting = reader_of(settings.source, max_depth=settings.limits.depth, kind=kind)
        self._vocabulary, self._slices = vocabulary, self._new_slices(vocabulary)
        return _SurveyingDecoder(
            block_decoder(settings, vocabulary, key, reader=noting), self, auto=settings.source.format
        )

    @property
    def pooled(self) -> bool:
        """Whether there were more names, streams or slices than the limits have room for."""
        slices, words = self._slices, self._vocabulary
        if slices is None or words is None:
            return False
        return bool(slices.pooled or any(getattr(words, one.name).overflowed for one in dataclasses.fields(words)))

    def streams(self) -> list[Stream]:
        """All streams, by name."""
        slices = self._slices
        if slices is None:
            return []
        of: dict[Slice, list[int]] = {}
        for code in range(len(slices)):
            of.setdefault(unit_of(slices.slice_of(code)), []).append(code)
        return [self._stream(unit, codes, slices) for unit, codes in sorted(of.items())]

    def unjudged(self) -> Iterator[Unjudged]:
        """The scores and verdicts from which thresholds can be learned, by name."""
        for key, family in sorted(self._family.items(), key=lambda item: item[1]):
            table = self._fine[key]
            exact = self._fine_scores[key]
            level = len(exact) <= MAX_LEVELS
            edges = np.arange(FINE + 1) / FINE
            if level:  # few distinct scores: the scores themselves, not the edges of their bins
                for score in exact:
                    edges[_fine_bin(np.array([score]))[0]] = score
            seen = np.flatnonzero(table[:2].sum(axis=0))
            yield Unjudged(
                family=family,
                format=self.format_of.get(family.guardrail, CANONICAL),
                level=level,
                scores=edges[seen],
                allowed=table[0, seen],
                adverse=table[1, seen],
                without_verdict=int(table[2].sum()),
            )

    def add(self, batch: EventBatch) -> None:
        """Count one decoded batch."""
        if not len(batch) or self._slices is None:
            return
        codes = self._slices.codes(batch).astype(np.int64)
        size = len(self._slices)
        none = np.int64(-1)
        self._count("verdict", codes, np.where(batch.verdict < 0, len(Verdict), batch.verdict), size)
        self._count("action", codes, np.where(batch.action < 0, len(Action), batch.action), size)
        self._count("status", codes, batch.status, size)
        scored = ~np.isnan(batch.score) & (batch.score_kind != ScoreKind.boolean)
        self._count("score", codes, np.where(scored, _bin(batch.score), none), size)
        self._count("contradiction", codes, contradictions.code(batch) - 1, size)
        for name, has in (
            ("request_id", batch.request_id != 0),
            ("text", batch.fingerprint != 0),
            ("refusal", batch.refusal >= 0),
        ):
            self._count(name, codes, np.where(has, 0, none), size)
        allowed = batch.verdict == Verdict.allow
        self._look_closely(batch, scored & np.isnan(batch.threshold), allowed)

    def explain_some(self, block: RecordBlock) -> None:
        """The dropped fields of the first records of the first blocks."""
        for row in range(min(len(block), EXPLAINED_PER_BLOCK)):
            value = block.value(row)
            if self._explained >= EXPLAINED or self._reader is None:
                return
            if value is None:
                continue
            self._explained += 1
            for found in explain(self._reader, value)[:EXPLAINED_PER_BLOCK]:
                self.seen(found.format, 0, found.why)
                seen = self.formats[found.format]
                seen.because = seen.because or found.because
                for name in map(field_name, found.dropped):
                    known = name in seen.dropped or len(seen.dropped) < MOST_NAMES
                    seen.dropped[name if known else OTHER_FIELDS] += 1

    def seen(self, name: str, records: int, why: str = "") -> None:
        """So many more records of a format."""
        seen = self.formats.setdefault(name, FormatSeen())
        why = self.proposed if self.proposed and name == MAPPING else why
        seen.records += records
        seen.why = seen.why or why

    def _note(self, found: Recognised, events: list[Event], *, first: bool) -> None:
        self.read_records += first
        self.seen(found.name, 1, found.why)
        if found.format is None:
            return
        for event in events:
            guardrail = event.get("guardrail")
            if isinstance(guardrail, str) and len(self.format_of) < MAX_NAMES:
                self.format_of[guardrail] = found.name

    def _count(self, name: str, codes: NDArray[np.int64], column: NDArray[Any], size: int) -> None:
        sums = self._sums[name]
        if size > len(sums):
            grown = np.zeros((max(size, 2 * len(sums)), sums.shape[1]), np.int64)
            grown[: len(sums)] = sums
            self._sums[name] = sums = grown
        width = sums.shape[1]
        use = column >= 0
        counted = np.bincount(codes[use] * width + column[use].astype(np.int64), minlength=size * width)
        sums[:size] += counted.reshape(size, width)

    def _look_closely(self, batch: EventBatch, open_: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(open_ & (batch.status == Status.ok))
        if not len(rows) or self._slices is None:
            return
        pairs = np.stack([batch.guardrail[rows], batch.category[rows]], axis=1)
        for guardrail, category in np.unique(pairs, axis=0).tolist():
            key = (guardrail, category)
            if key not in self._fine and len(self._fine) >= MAX_FINE:
                continue
            mine = rows[(pairs[:, 0] == guardrail) & (pairs[:, 1] == category)]
            if key not in self._fine:
                self._fine[key] = np.zeros((3, FINE + 1), np.int64)
                self._fine_scores[key] = set()
                self._family[key] = _family(batch.vocabulary, guardrail, category)
            group = np.where(batch.verdict[mine] < 0, 2, np.where(allowed[mine], 0, 1))
            np.add.at(self._fine[key], (group, _fine_bin(batch.score[mine])), 1)
            exact = self._fine_scores[key]
            if len(exact) <= MAX_LEVELS:
                exact.update(np.unique(batch.score[mine])[: MAX_LEVELS + 1].tolist())

    def _stream(self, unit: Slice, codes: list[int], slices: SliceTable) -> Stream:
        verdict, action, status, score, contradiction = (
            self._sums[name][codes].sum(axis=0).tolist()
            for name in ("verdict", "action", "status", "score", "contradiction")
        )
        strata: dict[str, Counter[str]] = {name: Counter() for name in _STRATA}
        for code in codes:
            events = int(self._sums["status"][code].sum())
            for name in _STRATA:
                if value := getattr(slices.slice_of(code), name):
                    strata[name][value] += events
        return Stream(
            unit=unit,
            format=self.format_of.get(unit.guardrail, CANONICAL),
            events=sum(status),
            verdicts=_named(_VERDICTS, verdict),
            actions=_named(_ACTIONS, action),
            statuses=_named(_STATUSES, status),
            scores=score,
            allowed_above=contradiction[0],
            stopped_below=contradiction[1],
            carried={name: int(self._sums[name][codes].sum()) for name in CARRIED},
            strata={name: dict(found.most_common(_SHOWN)) for name, found in strata.items() if found},
        )


MAX_LEVELS: Final = 16
"""Distinct scores up to which they are levels (Azure has 8, Lakera 5) and not a continuum."""


class _NotingReader(Reader):
    """A reader that reports each record that it has read."""

    def __init__(self, note: Callable[..., None], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._note = note
        self._first = True

    def parts(self, value: bytes, *, around: Identity | None = None) -> list[Recognised]:
        """As the reader."""
        self._first = True
        return super().parts(value, around=around)

    def events(self, recognised: Recognised) -> list[Event] | None:
        """As the reader."""
        events = super().events(recognised)
        if events is not None:
            self._note(recognised, events, first=self._first)
            self._first = False
        return events


class _SurveyingDecoder:
    """A decoder whose output is surveyed."""

    def __init__(self, decoder: BlockDecoder, survey: Survey, *, auto: str) -> None:
        self._decoder = decoder
        self._survey = survey
        self._may_be_canonical = auto in (AUTO, CANONICAL)

    def decode(self, block: RecordBlock) -> Decoded:
        """As the decoder."""
        self._survey.explain_some(block)
        before = self._survey.read_records
        decoded = self._decoder.decode(block)
        unread = {why.offset for why in decoded.rejected} - set(decoded.batch.offset.tolist())
        if unread:
            self._survey.unread.add(block, unread)
        if self._may_be_canonical:
            rest = len(block) - len(unread) - (self._survey.read_records - before)
            if rest > 0:
                self._survey.seen(CANONICAL, rest)
        if faults := sum(why.times for why in decoded.rejected if why.reason not in NO_FAULT):
            self._survey.seen(UNREADABLE, faults)
        self._survey.add(decoded.batch)
        return decoded


def _bin(score: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(np.nan_to_num(score) * BINS, BINS - 1).astype(np.int64)


def _fine_bin(score: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(score * FINE + ROUNDING).astype(np.int64)


def _family(words: Vocabulary, guardrail: int, category: int) -> Slice:
    whole = Slice.of_guardrail(words.guardrail.text(guardrail))
    return family_of(dataclasses.replace(whole, category=words.category.text(category)))


def _named(names: tuple[str, ...], counts: list[int]) -> dict[str, int]:
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def field_name(path: str) -> str:
    """The path of a field, or what stands for all whose names may hold what a person wrote: a key can be a prompt."""
    parts = path.split(".")
    plain = all(len(part) <= LONGEST_NAME and not any(mark.isspace() for mark in part) for part in parts)
    return path if plain and path.isprintable() and len(path) <= 4 * LONGEST_NAME else TEXT_FIELDS
