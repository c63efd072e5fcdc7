"""The scanner and the general decoder agree on every record, and ordinary records never need the latter."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.events import decode as decode_module
from monitor.events.schema import BY_NAME, FIELDS, Field, Kind
from tests.unit.events.blocks import NOW_MS, block_of, comparable, event, new_decoder

SPACE = st.sampled_from(["", "", "", " ", "\n", "\t\r ", "          "])
TEXT = st.one_of(
    st.text(max_size=30),
    st.text('ab \\"/\n\t\u0000\u007fé日😀\ud83d\ude00', max_size=20),
    st.text("xyz", min_size=100, max_size=140),
    st.text("aB1 .!-(жλنह字가ก…𝐀", min_size=50, max_size=80),
)
NUMERALS = st.one_of(
    st.floats(0, 1).map(repr),
    st.floats().map(repr),
    st.integers(-3, 2_000_000).map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.from_regex(r"\A-?[0-9]{1,21}(\.[0-9]{0,21})?([eE][+-]?[0-9]{0,4})?\Z"),
    st.from_regex(r"\A0\.[0-9]{15,20}\Z"),
    st.floats(1 - 2e-6, 1 + 2e-6).map(repr),
    st.floats(-2e-6, 2e-6).map(repr),
)


@st.composite
def string_literal(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXT) -> str:
    text = draw(texts)
    literal = json.dumps(text, ensure_ascii=draw(st.booleans()))
    return draw(st.sampled_from([literal, literal, literal.replace("a", "\\u0061"), literal.replace("/", "\\/")]))


def nested(scalars: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
            st.lists(st.tuples(string_literal(), inner), max_size=3).map(
                lambda pairs: "{" + " , ".join(f"{key} : {value}" for key, value in pairs) + "}"
            ),
        ),
        max_leaves=8,
    )


UNKNOWN_VALUE = nested(
    st.one_of(
        st.sampled_from(["null", "true", "false"]),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        string_literal(),
    )
)
ANY_VALUE = nested(
    st.one_of(st.sampled_from(["null", "true", "false", "nul", "NaN", "-Infinity", ""]), NUMERALS, string_literal())
)


def time_literal() -> st.SearchStrategy[str]:
    two = st.integers(0, 61).map(lambda number: f"{number:02d}")
    year = st.sampled_from(["1969", "1999", "2000", "2024", "2026", "2100", "9999", "0000", "20x6"])
    fraction = st.sampled_from(["", "", ".", ".1", ".123", ".123456789", ".1234567891"])
    offset = st.sampled_from(["Z", "Z", "z", "", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00", "+0530", "ZZ"])
    built = st.tuples(year, two, two, st.sampled_from("TTTt "), two, two, two, fraction, offset)
    return st.one_of(
        st.integers(NOW_MS - 10**6, NOW_MS).map(str),
        st.datetimes().map(lambda at: f'"{at.isoformat()}Z"'),
        built.map(lambda p: f'"{p[0]}-{p[1]}-{p[2]}{p[3]}{p[4]}:{p[5]}:{p[6]}{p[7]}{p[8]}"'),
    )


def fitting(field: Field) -> st.SearchStrategy[str]:
    """Values that fit the field, mostly, and its limits."""
    match field.kind:
        case Kind.version:
            return st.sampled_from(["1", "1", "1", "1.0", "1e0", "2", '"1"', "true"])
        case Kind.choice:
            return st.sampled_from(
                [f'"{word}"' for word in field.spellings] + ['""', '"nowhere"', '"a-word-of-17-byt"']
            )
        case Kind.flag:
            return st.sampled_from(["true", "false", "1"])
        case Kind.time:
            return time_literal()
        case Kind.integer:
            return st.integers(field.minimum - 1, field.maximum + 1).map(str)
        case Kind.number:
            return NUMERALS
        case Kind.fingerprint:
            return st.from_regex(r'\A"[0-9a-fA-F]{16}"\Z')
        case Kind.rules:
            return st.lists(string_literal(), max_size=4).map(lambda items: "[ " + " , ".join(items) + " ]")
        case Kind.labels:
            return st.lists(st.tuples(string_literal(), string_literal()), max_size=4).map(
                lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
            )
        case Kind.word | Kind.identifier | Kind.text:
            return string_literal()


SCORING = ["score", "score_semantics", "verdict"]
"""Fields whose values depend on each other, so they must be drawn together often enough."""
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=32), max_size=25).map(
    lambda text: f'"{text}"'
)


def valid(field: Field) -> st.SearchStrategy[str]:
    """Values that are certainly right, written plainly."""
    match field.kind:
        case Kind.version:
            return st.just("1")
        case Kind.choice:
            return st.sampled_from([f'"{word}"' for word in field.spellings] + ['""', "null"])
        case Kind.flag:
            return st.sampled_from(["true", "false", "null"])
        case Kind.time:
            return st.one_of(st.integers(NOW_MS - 10**6, NOW_MS).map(str), st.just('"2026-01-01T05:30:00.25+05:30"'))
        case Kind.integer:
            return st.integers(field.minimum, field.maximum).map(str)
        case Kind.number:
            return st.one_of(
                st.floats(field.minimum, field.maximum).map(lambda number: repr(abs(number))),
                st.from_regex(r"\A0\.[0-9]{1,24}([eE]-[0-9]{1,2})?\Z"),
            )
        case Kind.fingerprint:
            return st.integers(0, 2**64 - 1).map(lambda number: f'"{number:016x}"')
        case Kind.rules:
            return st.lists(string_literal(), max_size=4).map(lambda items: "[" + ",".join(items) + "]")
        case Kind.labels:
            return st.dictionaries(PLAIN, PLAIN, max_size=4).map(
                lambda labels: "{" + ",".join(f"{key}:{value}" for key, value in labels.items()) + "}"
            )
        case Kind.text:
            return string_literal()
        case Kind.word | Kind.identifier:
            return PLAIN


@st.composite
def record(draw: st.DrawFn) -> bytes:
    """An event, or nearly one: any fields in any order, some twice, some wrong, some cut or damaged."""
    tame = draw(st.booleans())
    value_of = valid if tame else fitting
    members = []
    if tame or draw(st.integers(0, 9)):
        members.append(('"v"', draw(value_of(FIELDS[0]))))
    if tame or draw(st.integers(0, 9)):
        names = ["pii", "toxicity", "é"] if tame else ["pii", "toxicity", "é", "a/b", ""]
        members.append(('"guardrail"', draw(st.sampled_from([f'"{name}"' for name in names]))))
    for field in draw(st.lists(st.sampled_from(FIELDS[4:] if tame else FIELDS), max_size=8)):
        strange = not tame and draw(st.integers(0, 9)) == 0
        members.append((f'"{field.name}"', draw(ANY_VALUE if strange else value_of(field))))
    if draw(st.booleans()):
        scoring = draw(st.lists(st.sampled_from(SCORING), unique=True))
        members += [(f'"{name}"', draw(value_of(BY_NAME[name]))) for name in scoring]
    members += draw(st.lists(st.tuples(string_literal(), UNKNOWN_VALUE if tame else ANY_VALUE), max_size=2))
    members = draw(st.permutations(members))
    space = draw(SPACE)
    joined = f"{space},{space}".join(f"{key}{space}:{space}{value}" for key, value in members)
    value = f"{space}{{{space}{joined}{space}}}{space}".encode("utf-8", "surrogatepass")
    damage = draw(st.integers(0, 11))
    if damage == 0 and value:
        value = value[: draw(st.integers(0, len(value) - 1))]
    elif damage == 1 and value:
        at = draw(st.integers(0, len(value) - 1))
        value = value[:at] + bytes([draw(st.integers(0, 255))]) + value[at + 1 :]
    return value


@settings(max_examples=500, deadline=None)
@given(st.lists(record(), max_size=6), st.sampled_from([NOW_MS, -1, 1 << 60]), st.sampled_from([1, 2, 3, 32, 64]))
@example([b'{"v":1,"v":null,"guardrail":"g"}', b'{"v":1,"guardrail":"g","guardrail":""}'], NOW_MS, 32)
@example([b'{"v":1,"guardrail":"g","score":0.1234567890123456789,"threshold":1e-5}'], NOW_MS, 32)
@example([b'{"v":1,"guardrail":"g","score":0.5,"score_semantics":"label_confidence"}'], NOW_MS, 32)
@example([b'{"v":1,"guardrail":"g","text":"\\ud83d\\ude00\\ud83d x","text":null}'], NOW_MS, 32)
@example([b'{"v":1,"guardrail":"g","x":[{},[],{"a":[1,{"b":null}]}]}'], NOW_MS, 4)
def test_both_paths_give_the_same_columns_and_rejections(values: list[bytes], timestamp_ms: int, depth: int) -> None:
    block = block_of(values, timestamp_ms=timestamp_ms)
    both, alone = new_decoder(max_depth=depth), new_decoder(max_depth=depth)
    fast, general = both.decode(block), alone.decode_general(block)
    assert fast.rejected == general.rejected
    assert comparable(fast.batch) == comparable(general.batch)
    again = both.decode(block)  # now that the strings are known
    assert comparable(again.batch) == comparable(general.batch)


def test_the_paths_agree_on_every_truncation_and_every_damaged_byte() -> None:
    whole = json.dumps(
        event(
            event_id="é-1", time="2026-01-01T00:00:00.123+01:00", score=0.12345678901234567, threshold=1e-05,
            stage="output", text='say "hi" 😀 \\ now', rules=["a", "b\n"], labels={"k": "v"}, refusal=False,
            fingerprint="0123456789abcdef", extra={"deep": [1, 2.5e-3, True, None, "x"]}, latency_ms=12,
        ),
        ensure_ascii=False,
    ).encode()  # fmt: skip
    seeded = random.Random(7)
    values = [whole[:cut] for cut in range(len(whole) + 1)]
    for at in range(len(whole)):
        values += [
            whole[:at] + bytes([byte]) + whole[at + 1 :] for byte in (*b'"\\{}[],:0e- ', seeded.randrange(256))
        ]
    block = block_of(values)
    fast, general = new_decoder().decode(block), new_decoder().decode_general(block)
    assert fast.rejected == general.rejected
    assert comparable(fast.batch) == comparable(general.batch)
    assert 0 < len(fast.batch) < len(values)


ORDINARY: list[dict[str, Any]] = [
    event(event_id="e", time=NOW_MS, score=0.1234567890123456, threshold=3.2e-07, verdict="allow", action="audit"),
    event(time="2026-01-01T00:00:00.123Z", stage="retrieval", score_semantics="label_confidence", verdict="deny"),
    event(time="2026-01-01T00:00:00+05:30", rules=["r\n1"], labels={"a": "b"}, refusal=True, turn=1, latency_ms=0.5),
    event(text='"quoted"\n\\ \u00e9 \U0001f600', category="日本語", score=None, unknown={"a": [1, {"b": "\n"}]}),
    event(stage="output", finish_reason="tool_calls", script="latin", disorder=3, text="Да!"),
    event(event_id="e", verdict="allow", harmful=True),
    event(score=1.0000001192092896, threshold=1.0000001),
    event(fingerprint="0123456789ABCDEF", status="not_run", score=1, input_length=0, output_length=10**9, app=""),
]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n\t", " :\r\n ")])
def test_ordinary_events_never_reach_the_general_decoder(
    monkeypatch: pytest.MonkeyPatch, separators: tuple[str, str]
) -> None:
    def unexpected(value: bytes, **_: object) -> None:
        raise AssertionError(value)

    monkeypatch.setattr(decode_module, "read", unexpected)
    values = [json.dumps(known, separators=separators, ensure_ascii=False).encode() for known in ORDINARY]
    # ASCII escapes only in the text: in other strings they are left to the general decoder
    values.append(json.dumps(event(text="日本語 😀 \ud800")).encode())
    assert len(new_decoder().decode(block_of(values)).batch) == len(values)
