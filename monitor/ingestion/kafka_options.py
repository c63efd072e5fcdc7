"""Options of the Kafka source, and their form for the client. Secrets are read late and never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from kafka.net.sasl.oauth import AbstractTokenProvider

from monitor.errors import SettingsError
from monitor.settings.secret import SecretPlace

MEBI: Final = 1 << 20
MSK_IAM: Final = "AWS_MSK_IAM"
"""Amazon MSK by IAM: credentials and region are those that botocore finds in its usual places."""
SASL_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", MSK_IAM)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards the brokers; the files are in PEM form. No authority file means the system's authorities."""

    authority_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: SecretPlace | None = None
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class Sasl:
    """SASL login; ``user`` and ``password`` for PLAIN and SCRAM, ``token_file`` for OAUTHBEARER, nothing for MSK."""

    mechanism: str
    user: str = ""
    password: SecretPlace | None = None
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """The way to a cluster; shared by the source and the dead-letter producer."""

    bootstrap_servers: tuple[str, ...]
    client_id: str = "driftline"
    tls: Tls | None = None
    sasl: Sasl | None = None

    def client_settings(self) -> dict[str, Any]:
        """Keyword arguments of kafka-python's clients. Holds secrets: never log it.

        Raises:
            SettingsError: a secret is missing or the mechanism unknown.
        """
        if not self.bootstrap_servers:
            raise SettingsError("kafka: bootstrap_servers is empty; name at least one host:port")
        protocol = ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        known: dict[str, Any] = {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": self.client_id,
            "security_protocol": protocol,
        }
        if self.tls is not None:
            known |= _tls_settings(self.tls)
        if self.sasl is not None:
            known |= _sasl_settings(self.sasl)
        return known


@dataclass(frozen=True, slots=True)
class KafkaSourceOptions:
    """The topics to read and the amount of one fetch.

    Attributes:
        group: consumer group; workers of one deployment share it.
        instance_id: static membership: a restart within the session timeout keeps its partitions. Unique per process.
        read_committed: hide records of aborted transactions, and hold back those of open ones.
        poll_bytes: about how many expanded bytes one poll hands out at most (one record batch more is possible).
        fetch_max_bytes, max_partition_fetch_bytes: bounds of one fetch answer, as it comes over the wire.
        fetch_max_wait_ms: how long a broker holds a fetch open when there is nothing to send.
        max_batch_bytes: a record batch that expands beyond this is not expanded and reported as a gap.
        metadata_max_age_ms: how old the client's picture of the topics may be: added partitions are found so soon.
        raw: read record batches without a Python object per record, if the self-check passes.
        deployment: identity of the database that is counted into: the group is for one of them. Empty: any.
    """

    connection: KafkaConnection
    topics: tuple[str, ...]
    group: str
    instance_id: str | None = None
    read_committed: bool = True
    poll_bytes: int = 32 * MEBI
    fetch_max_bytes: int = 16 * MEBI
    max_partition_fetch_bytes: int = 4 * MEBI
    fetch_max_wait_ms: int = 500
    max_batch_bytes: int = 64 * MEBI
    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 3_000
    max_poll_interval_ms: int = 300_000
    request_timeout_ms: int = 30_000
    metadata_max_age_ms: int = 10_000
    bootstrap_timeout_ms: int = 30_000
    raw: bool = True
    deployment: str = ""

    def __post_init__(self) -> None:
        if not self.topics:
            raise SettingsError("kafka: topics is empty; name at least one topic")
        for topic in self.topics:
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
                raise SettingsError(f"kafka: {topic!r} is not a topic name")
        for name in ("poll_bytes", "fetch_max_bytes", "max_partition_fetch_bytes", "max_batch_bytes"):
            if getattr(self, name) < 1:
                raise SettingsError(f"kafka: {name} must be positive, got {getattr(self, name)}")

    def client_settings(self) -> dict[str, Any]:
        """Keyword arguments of kafka-python's consumer. Holds secrets: never log it."""
        return self.connection.client_settings() | {
            "group_id": self.group,
            "group_instance_id": self.instance_id,
            "enable_auto_commit": False,  # positions are kept with the counts; Kafka's are for lag tools
            "auto_offset_reset": "none",  # so that an offset out of range is an error we see, never a silent jump
            "isolation_level": _isolation(self.read_committed),
            "allow_auto_create_topics": False,
            "fetch_max_bytes": self.fetch_max_bytes,
            "max_partition_fetch_bytes": self.max_partition_fetch_bytes,
            "fetch_max_wait_ms": self.fetch_max_wait_ms,
            # A broker sends at least one whole batch, however large: the frame bound must not wedge on it.
            "receive_message_max_bytes": max(256 * MEBI, self.fetch_max_bytes + self.max_partition_fetch_bytes),
            "session_timeout_ms": self.session_timeout_ms,
            "heartbeat_interval_ms": self.heartbeat_interval_ms,
            "max_poll_interval_ms": self.max_poll_interval_ms,
            "request_timeout_ms": self.request_timeout_ms,
            "metadata_max_age_ms": self.metadata_max_age_ms,
            "bootstrap_timeout_ms": self.bootstrap_timeout_ms,
            "metrics_enabled": False,
        }


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # the client carries no types
    """OAUTHBEARER token that another program keeps fresh in a file; read at every login."""

    def __init__(self, file: Path) -> None:
        self._secret = SecretPlace(file=file)

    def token(self) -> str:
        """The token as it is now."""
        return self._secret.read()

    def extensions(self) -> Mapping[str, str]:
        """None."""
        return {}


def _isolation(read_committed: bool) -> Literal["read_committed", "read_uncommitted"]:
    return "read_committed" if read_committed else "read_uncommitted"


def _tls_settings(tls: Tls) -> dict[str, Any]:
    return {
        "ssl_cafile": None if tls.authority_file is None else str(tls.authority_file),
        "ssl_certfile": None if tls.certificate_file is None else str(tls.certificate_file),
        "ssl_keyfile": None if tls.key_file is None else str(tls.key_file),
        "ssl_password": None if tls.key_password is None else tls.key_password.read(),
        "ssl_check_hostname": tls.check_hostname,
    }


def _sasl_settings(sasl: Sasl) -> dict[str, Any]:
    if sasl.mechanism not in SASL_MECHANISMS:
        raise SettingsError(f"kafka: sasl mechanism {sasl.mechanism!r} is none of {', '.join(SASL_MECHANISMS)}")
    if sasl.mechanism == MSK_IAM:
        if find_spec("botocore") is None:
            raise SettingsError("kafka: AWS_MSK_IAM needs botocore; install it with: pip install 'driftline[msk]'")
        return {"sasl_mechanism": sasl.mechanism}
    if sasl.mechanism == "OAUTHBEARER":
        if sasl.token_file is None:
            raise SettingsError("kafka: sasl mechanism OAUTHBEARER needs token_file")
        return {"sasl_mechanism": sasl.mechanism, "sasl_oauth_token_provider": TokenFile(sasl.token_file)}
    if not sasl.user or sasl.password is None:
        raise SettingsError(f"kafka: sasl mechanism {sasl.mechanism} needs user and password")
    return {
        "sasl_mechanism": sasl.mechanism,
        "sasl_plain_username": sasl.user,
        "sasl_plain_password": sasl.password.read(),
    }
