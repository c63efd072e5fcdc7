"""Files of results: what is read, and what is said of mistakes."""

from __future__ import annotations

import json

import pytest

from monitor.errors import Refused
from monitor.evals.model import Pairs, Worse
from monitor.evals.rows import read

CSV = b"suite,metric,slice,n,k\nadvbench,harmful,en,520,13\nadvbench,harmful,de,520,16\nxstest,refused,,250,20\n"


def as_json(rows) -> bytes:
    return json.dumps(rows).encode()


ROWS = [
    {"suite": "advbench", "metric": "harmful", "slice": "en", "n": 520, "k": 13},
    {"suite": "advbench", "metric": "harmful", "slice": "de", "n": 520, "k": 16},
    {"suite": "xstest", "metric": "refused", "n": 250, "k": 20},
]


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CSV,
        as_json(ROWS),
        b"\n".join(as_json(row) for row in ROWS),
        as_json({"model": "m", "version": "2", "results": ROWS}),
    ],
)
def test_csv_json_and_json_lines_say_the_same(content):
    found = read(content, model="m", version="2")
    assert (found.model, found.version) == ("m", "2")
    assert [(r.suite, r.metric, r.slice, r.n, r.k, r.worse) for r in found.results] == [
        ("advbench", "harmful", "de", 520, 16, Worse.when_high),
        ("advbench", "harmful", "en", 520, 13, Worse.when_high),
        ("xstest", "refused", "", 250, 20, Worse.when_high),
    ]


def test_items_add_up_and_their_names_are_not_kept():
    rows = [{"suite": "s", "metric": "m", "item": f"secret prompt {i}", "outcome": i % 2} for i in range(4)]
    (result,) = read(as_json(rows), model="m", version="1").results
    assert (result.n, result.k, len(result.items), result.pairs) == (4, 2, 4, None)
    assert "secret" not in str(result)


def test_both_outcomes_of_an_item_make_pairs_whichever_way_is_worse():
    rows = [{"suite": "s", "metric": "m", "item": i, "old": i < 3, "new": i < 1} for i in range(5)]
    (result,) = read(as_json(rows), model="m", version="1").results
    assert result.pairs == Pairs(better=2, worse=0, same=3)
    (result,) = read(as_json([row | {"worse": "lower"} for row in rows]), model="m", version="1").results
    assert result.pairs == Pairs(better=0, worse=2, same=3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"suite,metric,n,k\ns,m,10,12\n", r"row 2: k: 12 of n = 10; .* at most n"),
        (b"suite,metric,n,k\ns,m,ten,1\n", r"row 2: n: 'ten' is not a whole number"),
        (b"suite,metric,n,k\ns,m,10,-1\n", r"row 2: k: '-1' is not a whole number from 0"),
        (b"suite,metric,n,k\ns,m,10,1\ns,m,10,1\n", r"row 3: metric: s/m comes twice; .* slice"),
        (b"suite,metric,n,k,woorse\ns,m,10,1,lower\n", r"row 2: woorse: no such field; .* worse"),
        (b"suite,metric,n,k,worse\ns,m,10,1,up\n", r"row 2: worse: 'up'; use higher or lower"),
        (b"suite,metric,n\ns,m,10\n", r"row 2: give n and k"),
        (b"suite,metric,item,outcome\ns,m,a,1\ns,m,a,0\n", r"row 3: item: 'a' comes twice"),
        (b"suite,metric,item,outcome\ns,m,a,maybe\n", r"row 2: outcome: 'maybe' is neither 0 nor 1"),
        (b"suite,metric,n,k\n,m,10,1\n", r"row 2: suite: None is not a name"),
        (b"suite,metric,n,k\ns,m,10\n", r"row 2: 3 cells under a header of 4"),
        (b"suite,metric,n,k,model\ns,m,10,1,other\n", r"row 2: model: 'other' beside 'm'"),
        (b'{"suite": "s"\n', r"row 1: not JSON"),
        (b"[1]", r"row 1: '1' is not an object|row 1: 1 is not an object"),
        (b"", r"holds no rows"),
        (b"\xff\xfe", r"byte 0 is not UTF-8"),
    ],
)
def test_a_mistake_names_row_field_value_and_the_way_out(content, said):
    with pytest.raises(Refused, match=said):
        read(content, model="m", version="1")


def test_all_mistakes_are_told_at_once_and_not_without_end():
    with pytest.raises(Refused) as refused:
        read(b"suite,metric,n,k\n" + b"s,m,1,x\n" * 500, model="m", version="1")
    assert len(str(refused.value).splitlines()) == 11


def test_a_file_that_names_no_version_needs_the_option():
    with pytest.raises(Refused, match=r"version: no row names it; .*--version"):
        read(CSV, model="m", version=None)
