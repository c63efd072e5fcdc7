"""How to log in at the brokers: each mechanism takes what it needs, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from monitor.settings.source import Kafka

FILE = "/run/secrets/kafka"
TLS = {"enabled": True}


def kafka(sasl: dict[str, Any], *, server: str = "kafka:9093", tls: dict[str, Any] | None = None) -> Kafka:
    return Kafka.model_validate({"servers": server, "topics": "events", "sasl": sasl} | ({"tls": tls} if tls else {}))


@pytest.mark.parametrize(
    "sasl",
    [
        {"mechanism": "PLAIN", "username": "u", "password_file": FILE},
        {"mechanism": "SCRAM-SHA-512", "username": "u", "password_env": "PASSWORD"},
        {"mechanism": "OAUTHBEARER", "token_file": FILE},
        {"mechanism": "AWS_MSK_IAM"},
    ],
    ids=lambda sasl: sasl["mechanism"],
)
def test_each_mechanism_has_its_own_way(sasl: dict[str, Any]) -> None:
    assert kafka(sasl, tls=TLS).sasl is not None


@pytest.mark.parametrize(
    ("sasl", "tls", "words"),
    [
        ({"mechanism": "PLAIN", "username": "u"}, TLS, "PLAIN needs username and password_file"),
        ({"mechanism": "SCRAM-SHA-256", "password_file": FILE}, TLS, "SCRAM-SHA-256 needs username"),
        ({"mechanism": "OAUTHBEARER"}, TLS, "token_file and OAUTHBEARER belong together"),
        ({"mechanism": "OAUTHBEARER", "token_file": FILE, "username": "u"}, TLS, "takes neither username"),
        ({"mechanism": "AWS_MSK_IAM", "token_file": FILE}, TLS, "token_file and OAUTHBEARER belong together"),
        ({"mechanism": "PLAIN", "username": "u", "password_file": FILE}, None, "sends the password readable"),
        ({"mechanism": "OAUTHBEARER", "token_file": FILE}, None, "sends the token readable"),
        ({"mechanism": "AWS_MSK_IAM"}, None, "over TLS alone"),
    ],
)
def test_what_does_not_fit_is_said(sasl: dict[str, Any], tls: dict[str, Any] | None, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        kafka(sasl, tls=tls)


def test_scram_needs_no_tls_and_plain_none_on_this_machine() -> None:
    assert kafka({"mechanism": "SCRAM-SHA-256", "username": "u", "password_file": FILE}).sasl is not None
    assert (
        kafka({"mechanism": "PLAIN", "username": "u", "password_file": FILE}, server="127.0.0.1:9092").sasl
        is not None
    )
