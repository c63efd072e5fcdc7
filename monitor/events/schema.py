"""The canonical event, version 1, declared once: both decoders, the JSON Schema and the README follow this table.

Reading is strict about known fields and lenient about unknown ones: a known field with a value of the wrong type
or out of range rejects the record; a field that is not in the table is ignored. ``null`` in an optional field is
the same as leaving it out, since most serialisers write it so; the same holds for an empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, Final

from monitor.events.batch import Action, FinishReason, ScoreKind, ScoreSemantics, Script, Stage, Status, Verdict

VERSION: Final = 1
SCHEMA_ID: Final = f"urn:driftline:event:{VERSION}"

MAX_WORD_BYTES: Final = 128
"""Longest string of an open vocabulary (guardrail, category, ...), UTF-8 bytes."""
MAX_IDENTIFIER_BYTES: Final = 512
"""Longest identifier, UTF-8 bytes."""
MAX_RULES: Final = 256
MAX_LABELS: Final = 32
FIRST_TIME_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z. Seconds taken for milliseconds (10 digits today) fall below it and are refused."""
ROUNDING: Final = 1e-6
"""How far outside of its range a number is a rounding error, and read as the end of the range: single precision gives
1.0000001192 (1 + 2**-23) for a certain score, and sums of it a few times more."""
LAST_TIME_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z. Micro- and nanoseconds taken for milliseconds (16 and 19 digits) fall above it."""


class Kind(Enum):
    """The reading of a field's value, and its column group."""

    version = "version"
    word = "word"
    identifier = "identifier"
    choice = "choice"
    flag = "flag"
    time = "time"
    integer = "integer"
    number = "number"
    fingerprint = "fingerprint"
    text = "text"
    rules = "rules"
    labels = "labels"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the canonical event.

    Attributes:
        name: its JSON key.
        kind: how it is read.
        meaning: its meaning, for the documentation.
        absent: what an event without it means.
        unit: unit of the value; empty for none.
        required: whether an event without it is rejected.
        minimum, maximum: range of a number; of a string its length in UTF-8 bytes; of an array or object its size.
        choices: the closed vocabulary of a ``choice``.
        aliases: other spellings of its words.
        otherwise: the word that any other string is read as; empty: it is rejected.
    """

    name: str
    kind: Kind
    meaning: str
    absent: str
    unit: str = ""
    required: bool = False
    minimum: int = 0
    maximum: int = 0
    choices: type[IntEnum] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a ``choice``, in the order of their codes."""
        return () if self.choices is None else tuple(member.name for member in self.choices)

    @property
    def spellings(self) -> dict[str, int]:
        """The code of each word of a ``choice``, then of its aliases."""
        codes = {word: code for code, word in enumerate(self.words)}
        return codes | {spelling: codes[word] for spelling, word in self.aliases.items()}


def _word(name: str, meaning: str, absent: str = "missing") -> Field:
    return Field(name, Kind.word, meaning, absent, unit="bytes", maximum=MAX_WORD_BYTES)


def _identifier(name: str, meaning: str, absent: str) -> Field:
    return Field(name, Kind.identifier, meaning, absent, unit="bytes", maximum=MAX_IDENTIFIER_BYTES)


def _choice(name: str, choices: type[IntEnum], meaning: str, absent: str = "missing") -> Field:
    return Field(name, Kind.choice, meaning, absent, choices=choices)


def _characters(name: str, meaning: str, absent: str) -> Field:
    return Field(name, Kind.integer, meaning, absent, unit="characters", maximum=1_000_000_000)


FINISH_ALIASES: Final = {
    **dict.fromkeys(("end_turn", "stop_sequence", "STOP", "COMPLETE", "eos", "completed"), "stop"),
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "incomplete", "length_limit"), "length"),
    **dict.fromkeys(("refusal", "content_filtered", "SAFETY", "guardrail_intervened"), "content_filter"),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use", "TOOL_CALL"), "tool"),
    **dict.fromkeys(("failed", "ERROR"), "error"),
}
"""Words of OpenAI, Anthropic, Bedrock, Gemini and Cohere."""

FIELDS: Final[tuple[Field, ...]] = (
    Field("v", Kind.version, "version of this format", "rejected", required=True, minimum=VERSION, maximum=VERSION),
    _identifier("event_id", "unique per event; de-duplicates re-deliveries", "not de-duplicated"),
    Field(
        "time",
        Kind.time,
        "when the guardrail judged: integer epoch milliseconds, or an RFC 3339 string with an offset",
        "the record's timestamp; rejected if it has none either",
        unit="ms",
        minimum=FIRST_TIME_MS,
        maximum=LAST_TIME_MS,
    ),
    Field(
        "guardrail",
        Kind.word,
        "name of the guardrail",
        "rejected",
        unit="bytes",
        required=True,
        minimum=1,
        maximum=MAX_WORD_BYTES,
    ),
    _word("guardrail_version", "version of the guardrail"),
    _choice("stage", Stage, "where in the product the guardrail sits"),
    _word("category", "kind of harm that the verdict is about"),
    Field("score", Kind.number, "the classifier's score; see `score_semantics`", "missing", minimum=0, maximum=1),
    _choice("score_kind", ScoreKind, "how finely the score resolves", "`continuous` if there is a score"),
    _choice("score_semantics", ScoreSemantics, "meaning of the score", "`p_unsafe`"),
    Field("threshold", Kind.number, "the score's decision threshold", "missing", minimum=0, maximum=1),
    _choice("verdict", Verdict, "the guardrail's own decision"),
    _choice("action", Action, "the enforced action"),
    _choice("status", Status, "whether the guardrail ran", "`ok`"),
    _identifier("request_id", "joins the guardrails that judged one request", "not joined"),
    _identifier("session_id", "the conversation", "missing"),
    _word("model", "the model that the product calls"),
    _word("model_version", "its version"),
    _word("app", "the product or feature"),
    _word("language", "language of the text, preferably BCP 47"),
    _word("format", "format of the text: prose, code, json, ..."),
    Field("turn", Kind.integer, "turn of the conversation, from 1", "missing", minimum=1, maximum=1_000_000),
    _characters("input_length", "length of the prompt", "length of `text`, unless the stage is `output`"),
    _characters("output_length", "length of the answer", "length of `text` if the stage is `output`"),
    Field("refusal", Kind.flag, "whether the answer reads like a refusal", "missing"),
    Field(
        "finish_reason",
        Kind.choice,
        "why the model stopped; vendors' words are translated, unknown ones are `other`",
        "missing",
        choices=FinishReason,
        aliases=FINISH_ALIASES,
        otherwise=FinishReason.other.name,
    ),
    _choice("script", Script, "writing system of the text", "measured from `text`"),
    Field(
        "disorder",
        Kind.integer,
        "unusual character pairs among 64 bytes at the text's worst place",
        "measured from `text`",
        maximum=64,
    ),
    Field(
        "fingerprint",
        Kind.fingerprint,
        "SimHash of the text, 16 hexadecimal digits, made by the producer; all zeros is missing",
        "computed from `text`",
        minimum=16,
        maximum=16,
    ),
    Field("text", Kind.text, "the text that was judged; fingerprinted, measured and dropped at once", "missing"),
    Field(
        "rules", Kind.rules, "names of the rules that hit; only their number is kept", "missing", maximum=MAX_RULES
    ),
    Field(
        "latency_ms",
        Kind.number,
        "how long the guardrail took",
        "missing",
        unit="ms",
        minimum=0,
        maximum=1_000_000_000,
    ),
    Field(
        "harmful",
        Kind.flag,
        "what a person found later of an event, with the guardrail's verdict: makes this a label, which is no event",
        "an event",
    ),
    Field(
        "labels",
        Kind.labels,
        "string to string, for the producer's own use; checked and dropped",
        "nothing",
        maximum=MAX_LABELS,
    ),
)

BY_NAME: Final[dict[str, Field]] = {field.name: field for field in FIELDS}


def of_kind(*kinds: Kind) -> tuple[str, ...]:
    """Names of the fields of these kinds, in the order of the table."""
    return tuple(field.name for field in FIELDS if field.kind in kinds)


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the canonical event.

    Names and identifiers that an event can do without have no longest length: what is too long to be kept is pooled
    or hashed, and the event stays. The decoder is stricter in one point that JSON Schema cannot say: lengths of other
    strings are UTF-8 bytes, not characters. And an event without ``time`` is valid here; it is rejected if its record
    has no timestamp either. The decoder is more lenient in another: a number outside of its range by at most
    :data:`ROUNDING` is the range's end.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": f"Driftline guardrail event, version {VERSION}",
        "type": "object",
        "required": [field.name for field in FIELDS if field.required],
        "properties": {field.name: _property(field) for field in FIELDS},
        "additionalProperties": True,
        "allOf": [
            {
                "if": {
                    "properties": {
                        "score_semantics": {"const": ScoreSemantics.label_confidence.name},
                        "score": {"type": "number"},
                    },
                    "required": ["score_semantics", "score"],
                },
                "then": _WITH_VERDICT,
            },
            {"if": {"properties": {"harmful": {"type": "boolean"}}, "required": ["harmful"]}, "then": _WITH_VERDICT},
        ],
    }


_WITH_VERDICT: Final = {"properties": {"verdict": {"type": "string", "minLength": 1}}, "required": ["verdict"]}


def _property(field: Field) -> dict[str, Any]:
    description = {"description": f"{field.meaning}. If absent: {field.absent}."}
    if field.required:
        return description | _value(field)
    return description | {"anyOf": [_value(field), {"type": "null"}]}


def _value(field: Field) -> dict[str, Any]:  # noqa: PLR0911 - one line per kind
    number = {"minimum": field.minimum, "maximum": field.maximum}
    match field.kind:
        case Kind.version:
            return {"const": VERSION, "type": "integer"}
        case Kind.word | Kind.identifier:
            return {"type": "string"} | ({"minLength": 1, "maxLength": field.maximum} if field.required else {})
        case Kind.choice:
            return {"type": "string"} if field.otherwise else {"enum": [*field.words, ""]}
        case Kind.flag:
            return {"type": "boolean"}
        case Kind.time:
            return {"anyOf": [{"type": "integer"} | number, {"type": "string", "format": "date-time"}, {"const": ""}]}
        case Kind.integer:
            return {"type": "integer"} | number
        case Kind.number:
            return {"type": "number"} | number
        case Kind.fingerprint:
            return {"type": "string", "pattern": "^([0-9a-fA-F]{16})?$"}
        case Kind.text:
            return {"type": "string"}
        case Kind.rules:
            return {"type": "array", "items": {"type": "string"}, "maxItems": field.maximum}
        case Kind.labels:
            return {
                "type": "object",
                "maxProperties": field.maximum,
                "propertyNames": {"maxLength": MAX_WORD_BYTES},
                "additionalProperties": {"type": "string", "maxLength": MAX_IDENTIFIER_BYTES},
            }
