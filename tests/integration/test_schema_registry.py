"""Records of Confluent's wire format by the schemas of a real registry, Apicurio; tests with a fake do the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from monitor.errors import SourceUnavailable
from monitor.events.formats.explain import explain
from monitor.ingestion.schema_registry import RegistryOptions, SchemaRegistry
from tests.servers.needs import ServerUnavailable
from tests.servers.registry import Registry, running_registry
from tests.unit.events.envelopes.test_wire_format import AVRO, EVENT, avro, framed, reader

pytestmark = pytest.mark.slow
Client = Callable[[str], SchemaRegistry]
PROTO = 'syntax = "proto3"; package guard; message Verdict { int32 v = 1; string guardrail = 2; }'


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    try:
        with running_registry(tmp_path_factory.mktemp("registry")) as running:
            yield running
    except ServerUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def client() -> Iterator[Client]:
    with ExitStack() as opened:
        yield lambda url: opened.enter_context(closing(SchemaRegistry(RegistryOptions(url))))


def test_avro_is_read_by_the_schema_of_its_number(registry: Registry, client: Client) -> None:
    number = registry.add("verdicts-value", "AVRO", json.dumps(AVRO))
    [one] = explain(reader(client(registry.url)), framed(number, avro(AVRO, EVENT)))
    assert (one.reason, one.envelopes, one.events) == ("", ["wire-format"], [EVENT])


def test_avro_with_a_reference_is_read(registry: Registry, client: Client) -> None:
    verdict = AVRO["fields"][4]["type"] | {"namespace": "guard"}  # type: ignore[index]
    registry.add("guard.V", "AVRO", json.dumps(verdict))
    fields = [one if one["name"] != "verdict" else one | {"type": "guard.V"} for one in AVRO["fields"]]  # type: ignore[attr-defined]
    reference = {"name": "guard.V", "subject": "guard.V", "version": 1}
    number = registry.add("referring-value", "AVRO", json.dumps(AVRO | {"fields": fields}), [reference])
    [one] = explain(reader(client(registry.url)), framed(number, avro(AVRO, EVENT)))
    assert (one.reason, one.events) == ("", [EVENT])


def test_a_number_that_there_is_not_is_no_fault_of_the_registry(registry: Registry, client: Client) -> None:
    assert client(registry.url).schema(987_654) is None


def test_protobuf_of_a_registry_that_gives_the_source_alone_is_refused_with_the_way_out(
    registry: Registry, client: Client
) -> None:
    number = registry.add("proto-value", "PROTOBUF", PROTO)
    [one] = explain(reader(client(registry.url)), framed(number, b"\x00\x08\x01"))
    assert one.reason == "unknown_format"
    assert "format=serialized" in one.sentence


def test_a_registry_that_is_gone_is_waited_for(client: Client) -> None:
    with pytest.raises(SourceUnavailable):
        client("http://127.0.0.1:9/apis/ccompat/v7").schema(1)
