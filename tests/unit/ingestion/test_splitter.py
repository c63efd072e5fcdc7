"""Files that are no JSON lines: printed over several lines, arrays, UTF-16, Avro; and lines, which stay lines."""

from __future__ import annotations

import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import pytest

from monitor.errors import SourceRefused
from monitor.ingestion.files import FileSource
from monitor.ingestion.splitter import LOOKS_AT, Splitter
from tests.contract.source_logs import Claims

RECORDS: list[Any] = [
    {"v": 1, "guardrail": "own", "text": 'a "quoted\\" {brace} ]', "nested": {"list": [{"a": 1}, []]}},
    {"v": 1, "guardrail": "own", "text": "ümläut \\\\", "list": []},
    {"v": 1, "guardrail": "own"},
]


def split(content: bytes, *, piece: int = 1 << 20, start: int = 0, longest: int = 1 << 20) -> list[tuple[int, bytes]]:
    splitter = Splitter(partition="p", start=start, max_line_bytes=longest)
    blocks = [splitter.feed(content[at : at + piece]) for at in range(0, len(content), piece)] + [splitter.finish()]
    return [
        (int(block.offset[row]), block.value(row) or b"")
        for block in blocks
        if block is not None
        for row in range(len(block))
    ]


def avro(records: list[Any]) -> bytes:
    out = io.BytesIO()
    names = [{"name": "guardrail", "type": "string"}, {"name": "v", "type": "int"}]
    schema = fastavro.parse_schema({"type": "record", "name": "E", "fields": names})
    fastavro.writer(out, schema, records, sync_interval=20)
    return out.getvalue()


FILES = {
    "lines": "\n".join(json.dumps(one) for one in RECORDS).encode(),
    "lines with blank ones": ("\n\n" + "\n\n".join(json.dumps(one) for one in RECORDS) + "\n\n").encode(),
    "printed": "\n".join(json.dumps(one, indent=2, ensure_ascii=False) for one in RECORDS).encode(),
    "printed array": json.dumps(RECORDS, indent=4).encode(),
    "array of one a line": ("[\n" + ",\n".join(json.dumps(one) for one in RECORDS) + "\n]\n").encode(),
    "with a mark": "\n".join(json.dumps(one) for one in RECORDS).encode("utf-8-sig"),
    "utf-16": "\r\n".join(json.dumps(one, ensure_ascii=False) for one in RECORDS).encode("utf-16"),
    "utf-16 printed": json.dumps(RECORDS, indent=1, ensure_ascii=False).encode("utf-16"),
    "utf-16 without a mark": "\n".join(json.dumps(one) for one in RECORDS).encode("utf-16-le"),
}


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("name", FILES)
def test_every_record_is_handed_out_once_however_the_file_comes(name: str, piece: int) -> None:
    found = split(FILES[name], piece=piece)
    assert [json.loads(value) for _, value in found] == RECORDS
    offsets = [offset for offset, _ in found]
    assert offsets == (list(range(3)) if "blank" not in name else [2, 4, 6])
    assert split(FILES[name], piece=piece, start=offsets[1]) == found[1:]


@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
def test_an_avro_file_gives_its_objects_as_json(piece: int) -> None:
    records = [{"guardrail": f"g{i}", "v": 1} for i in range(20)]
    found = split(avro(records), piece=piece)
    assert [json.loads(value) for _, value in found] == records
    assert split(avro(records), piece=piece, start=15) == found[15:]


def test_lines_that_hold_arrays_are_records_and_an_array_on_one_long_line_is_many() -> None:
    lines = b'[{"label": "SAFE"}]\n[{"label": "SAFE"}]\n'
    assert [value for _, value in split(lines)] == lines.splitlines()
    many = [{"n": i} for i in range(LOOKS_AT // 4)]
    assert [json.loads(value) for _, value in split(json.dumps(many).encode(), piece=10_000)] == many


def test_a_first_line_that_was_cut_off_leaves_the_others_lines() -> None:
    for cut in (b'{"v": 1, ', b'{"v": 1, "guard', b"{"):
        lines = cut + b"\n" + json.dumps(RECORDS[0]).encode() + b"\n" + json.dumps(RECORDS[1]).encode()
        assert [value for _, value in split(lines)] == lines.split(b"\n")


def test_a_line_is_handed_out_as_soon_as_it_is_there() -> None:
    splitter = Splitter(partition="p", start=0, max_line_bytes=100)
    block = splitter.feed(b'{"v": 1}\n')
    assert block is not None
    assert block.value(0) == b'{"v": 1}'
    splitter.feed(b'{"v": 2')
    assert splitter.rest == b'{"v": 2'


def test_a_document_without_end_is_cut_as_a_line_is_and_the_next_one_is_read() -> None:
    long = {"text": "x" * 5_000}
    content = json.dumps([{"a": 1}, long, {"b": 2}], indent=1).encode()
    for piece in (100, 1 << 20):
        found = [value for _, value in split(content, piece=piece, longest=300)]
        assert (json.loads(found[0]), len(found[1]), json.loads(found[2])) == ({"a": 1}, 301, {"b": 2})
    assert len(split(b'{\n"a": [' + b"[" * 500_000, longest=300)[0][1]) == 301


def test_junk_between_documents_is_a_record_of_its_own() -> None:
    found = [value for _, value in split(b'{\n"a": 1\n}\nnonsense\n{\n"b": 2\n}\n')]
    assert [b"".join(value.split()) for value in found] == [b'{"a":1}', b"nonsense", b'{"b":2}']


def test_a_damaged_avro_file_is_named(tmp_path: Path) -> None:
    whole = avro([{"guardrail": "g", "v": 1}] * 50)
    with pytest.raises(SourceRefused):
        split(whole[:-3])
    path = tmp_path / "events.avro"
    path.write_bytes(whole[:-3])
    with closing(FileSource([path])) as source:
        source.start(Claims())
        assert source.poll(timeout_s=0).blocks
        with pytest.raises(SourceRefused, match=r"events\.avro: avro-container: it ends in the middle of a block"):
            source.poll(timeout_s=0)
