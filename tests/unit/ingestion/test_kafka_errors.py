"""Every error of the Kafka client means one of three things to us."""

from __future__ import annotations

import inspect

import pytest
from kafka import errors as kafka_errors

from monitor.errors import Fenced, SourceRefused, SourceUnavailable, StoreUnavailable
from monitor.ingestion.kafka_errors import to_driftline

EVERY = [
    kind for _, kind in inspect.getmembers(kafka_errors, inspect.isclass) if issubclass(kind, kafka_errors.KafkaError)
]


def made(kind: type[kafka_errors.KafkaError]) -> kafka_errors.KafkaError:
    return kind({}) if kind is kafka_errors.LogTruncationError else kind("what happened")


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_of_the_client_is_one_of_ours_and_keeps_its_name(kind: type[kafka_errors.KafkaError]) -> None:
    ours = to_driftline(made(kind))
    assert isinstance(ours, SourceUnavailable | SourceRefused | Fenced)
    assert kind is kafka_errors.KafkaError or kind.__name__ in str(ours)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind.retriable], ids=lambda kind: kind.__name__)
def test_what_the_client_calls_retriable_is_tried_again(kind: type[kafka_errors.KafkaError]) -> None:
    assert isinstance(to_driftline(made(kind)), SourceUnavailable)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in EVERY if issubclass(kind, kafka_errors.AuthorizationError)]
    + [kafka_errors.SaslAuthenticationFailedError, kafka_errors.InvalidTopicError, kafka_errors.LogTruncationError],
    ids=lambda kind: kind.__name__,
)
def test_what_only_a_person_can_change_is_refused(kind: type[kafka_errors.KafkaError]) -> None:
    assert isinstance(to_driftline(made(kind)), SourceRefused)


def test_a_second_process_with_our_instance_id_fences_us() -> None:
    assert isinstance(to_driftline(kafka_errors.FencedInstanceIdError("instance")), Fenced)


def test_a_broken_connection_is_tried_again() -> None:
    assert isinstance(to_driftline(ConnectionResetError("by peer")), SourceUnavailable)


def test_our_own_error_inside_the_clients_comes_out_as_it_was() -> None:
    ours = StoreUnavailable("no database")
    wrapped = kafka_errors.KafkaError("User rebalance callback throws an error")
    wrapped.__cause__ = ours
    assert to_driftline(wrapped) is ours


def test_a_mistake_in_a_callback_is_not_tried_again() -> None:
    wrapped = kafka_errors.KafkaError("User rebalance callback throws an error")
    wrapped.__cause__ = ZeroDivisionError()
    assert isinstance(to_driftline(wrapped), SourceRefused)
