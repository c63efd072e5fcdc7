"""Options: what the client is told, and that secrets stay out of sight."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import SettingsError
from monitor.ingestion.kafka_options import KafkaConnection, KafkaSourceOptions, Sasl, Tls
from monitor.settings.secret import SecretPlace

SERVERS = ("broker:9093",)


def source(connection: KafkaConnection, **changes: object) -> KafkaSourceOptions:
    known: dict[str, object] = {"topics": ("events",), "group": "driftline"}
    return KafkaSourceOptions(connection=connection, **(known | changes))  # type: ignore[arg-type]


def test_a_plain_connection_needs_only_servers() -> None:
    told = source(KafkaConnection(SERVERS)).client_settings()
    assert told["security_protocol"] == "PLAINTEXT"
    assert told["enable_auto_commit"] is False
    assert told["auto_offset_reset"] == "none"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_is_read_from_its_file_and_shown_nowhere(tmp_path: Path, mechanism: str) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret-word\n", encoding="utf-8")
    options = source(KafkaConnection(SERVERS, tls=Tls(), sasl=Sasl(mechanism, "user", SecretPlace(file=file))))
    told = options.client_settings()
    assert told["security_protocol"] == "SASL_SSL"
    assert told["sasl_plain_password"] == "s3cret-word"
    assert "s3cret-word" not in repr(options)
    file.write_text("rotated\n", encoding="utf-8")
    assert options.client_settings()["sasl_plain_password"] == "rotated"


def test_a_secret_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_PASSWORD", "s3cret-word")
    options = source(KafkaConnection(SERVERS, tls=Tls(key_password=SecretPlace(variable="KEY_PASSWORD"))))
    assert options.client_settings()["ssl_password"] == "s3cret-word"
    assert "s3cret-word" not in repr(options)


def test_a_token_is_read_from_its_file_at_every_login(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first", encoding="utf-8")
    provider = source(KafkaConnection(SERVERS, sasl=Sasl("OAUTHBEARER", token_file=file))).client_settings()[
        "sasl_oauth_token_provider"
    ]
    assert provider.token() == "first"
    file.write_text("second", encoding="utf-8")
    assert provider.token() == "second"
    assert "second" not in repr(provider)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (SecretPlace(file=Path("/nowhere/password")), "/nowhere/password"),
        (SecretPlace(variable="NO_SUCH_VARIABLE_HERE"), "NO_SUCH_VARIABLE_HERE"),
    ],
)
def test_a_missing_secret_is_named(secret: SecretPlace, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        secret.read()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topics": ()}, "topics is empty"),
        ({"topics": ("no spaces",)}, "'no spaces'"),
        ({"poll_bytes": 0}, "poll_bytes must be positive, got 0"),
    ],
)
def test_wrong_options_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        source(KafkaConnection(SERVERS), **changes)


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (KafkaConnection(()), "bootstrap_servers is empty"),
        (KafkaConnection(SERVERS, sasl=Sasl("GSSAPI")), "'GSSAPI' is none of PLAIN"),
        (KafkaConnection(SERVERS, sasl=Sasl("PLAIN", "user")), "needs user and password"),
        (KafkaConnection(SERVERS, sasl=Sasl("OAUTHBEARER")), "needs token_file"),
        (KafkaConnection(SERVERS, tls=Tls(), sasl=Sasl("AWS_MSK_IAM")), r"driftline\[msk\]"),
    ],
)
def test_a_wrong_connection_is_named(connection: KafkaConnection, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        connection.client_settings()
