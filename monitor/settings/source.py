"""The source of the log."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from monitor.settings.formats import FormatName, Mapping, Unwrap
from monitor.settings.secret import SecretPlace, place_of
from monitor.settings.section import File, Paths, Section, setting
from monitor.settings.values import Duration, Size, Word, Words

ENV_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
ENV_NAME_ALLOWED: Final = "the name of an environment variable"
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _servers(servers: tuple[str, ...]) -> tuple[str, ...]:
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"{server[:80]!r} is not host:port")
    return servers


def _topics(topics: tuple[str, ...]) -> tuple[str, ...]:
    for topic in topics:
        legal = all(c.isascii() and (c.isalnum() or c in "._-") for c in topic)
        if not legal or not 1 <= len(topic) <= 249 or topic in (".", ".."):
            raise ValueError(f"{topic[:80]!r} is not a topic name (letters, digits, dot, underscore, hyphen)")
    return topics


THRESHOLD: Final = re.compile(r"\s*(.{1,260}?)\s*(>=|<=)\s*([0-9]{1,9}(?:\.[0-9]{1,12})?)\s*")
"""A guardrail or guardrail/category, the side that is unsafe, and a number on the vendor's scale."""


def _thresholds(lines: tuple[str, ...]) -> tuple[str, ...]:
    names = []
    for line in lines:
        match = THRESHOLD.fullmatch(line)
        if match is None:
            raise ValueError(f"{line[:80]!r} is not of the form: guardrail/category >= number (or <=)")
        names.append(match[1])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice[:80]!r} is given twice")
    return lines


class Tls(Section):
    """TLS towards the brokers; files are in PEM form."""

    enabled: bool = setting(False, "use TLS")
    ca_file: File | None = setting(
        None, "certificates of the authorities to trust; none: the system's", example="/etc/driftline/ca.pem"
    )
    cert_file: File | None = setting(None, "our own certificate, for mutual TLS", example="/etc/driftline/client.pem")
    key_file: File | None = setting(None, "its private key", example="/etc/driftline/client.key")
    verify: bool = setting(True, "check that the certificate is for the broker's host name")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; give both or neither")
        if not self.enabled and (self.ca_file or self.cert_file or not self.verify):
            raise ValueError("is set up but not switched on; add enabled: true")
        return self


class Sasl(Section):
    """Login at the brokers."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] = setting(
        ...,
        "how to log in: PLAIN and SCRAM by name and password, OAUTHBEARER by a token, AWS_MSK_IAM by the credentials "
        "that botocore finds",
        example="PLAIN",
    )
    username: Word | None = setting(
        None, "user name, for PLAIN and SCRAM", example="driftline", min_length=1, max_length=256
    )
    password_file: File | None = setting(
        None, "file with the password in its first line", example="/run/secrets/kafka-password"
    )
    password_env: str | None = setting(
        None,
        "environment variable with the password",
        example="KAFKA_PASSWORD",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
    )
    token_file: File | None = setting(
        None,
        "file with the token in its first line, for OAUTHBEARER, which another program keeps fresh; it is read at "
        "every login",
        example="/run/secrets/kafka-token",
    )

    @model_validator(mode="after")
    def _fits_the_mechanism(self) -> Self:
        by_password = self.mechanism == "PLAIN" or self.mechanism.startswith("SCRAM")
        named = self.username is not None or self.password is not None
        if by_password and (self.username is None or self.password is None):
            raise ValueError(f"{self.mechanism} needs username and password_file or password_env")
        if not by_password and named:
            raise ValueError(f"{self.mechanism} takes neither username nor password")
        if (self.mechanism == "OAUTHBEARER") != (self.token_file is not None):
            raise ValueError("token_file and OAUTHBEARER belong together; give both or neither")
        return self

    @property
    def password(self) -> SecretPlace | None:
        """Where the password is; None: there is none."""
        return place_of(self.password_file, self.password_env)


class Kafka(Section):
    """Kafka topics, read as a member of a consumer group."""

    servers: Annotated[Words, AfterValidator(_servers)] = setting(
        ...,
        "brokers to contact first; a list, or one text with commas",
        example="127.0.0.1:9092",
        min_length=1,
        max_length=100,
        allowed="one or more host:port",
    )
    topics: Annotated[Words, AfterValidator(_topics)] = setting(
        ...,
        "topics with guardrail events; a list, or one text with commas",
        example=["guardrail-events"],
        min_length=1,
        max_length=100,
        allowed="one or more topic names of letters, digits, dot, underscore and hyphen",
    )
    group: Word = setting("driftline", "consumer group, shared by all workers", min_length=1, max_length=255)
    client_id: Word = setting("driftline", "name of this client in broker logs", min_length=1, max_length=255)
    instance_id: Word | None = setting(
        None,
        "static membership: a restarted worker keeps its partitions; unique per worker",
        example="worker-1",
        min_length=1,
        max_length=255,
    )
    isolation: Literal["read_uncommitted", "read_committed"] = setting(
        "read_committed",
        "read_committed counts no record of an aborted transaction, and none of an open one before it ends; "
        "read_uncommitted counts them all, as they come",
    )
    fetch_bytes: Size = setting("16MiB", "most bytes of one fetch", unit="bytes", ge=1 << 10, le=1 << 30)
    partition_fetch_bytes: Size = setting(
        "4MiB", "most bytes of one fetch from one partition", unit="bytes", ge=1 << 10, le=1 << 30
    )
    fetch_wait: Duration = setting(
        "500ms", "how long a broker holds a fetch open when there is nothing new", ge=Duration(0), le=Duration(60_000)
    )
    session_timeout: Duration = setting(
        "45s",
        "a worker that is silent for so long loses its partitions to the others",
        ge=Duration(6_000),
        le=Duration(1_800_000),
    )
    raw_batches: Literal["auto", "off"] = setting(
        "auto", "auto reads record batches without a Python object per record, if its self-check passes"
    )
    max_decompressed_bytes: Size = setting(
        "64MiB",
        "a record batch that expands beyond this is skipped and counted",
        unit="bytes",
        ge=1 << 20,
        le=1 << 30,
    )
    tls: Tls = setting(Tls(), "TLS")
    sasl: Sasl | None = setting(None, "login")

    @model_validator(mode="after")
    def _password_unreadable(self) -> Self:
        if self.sasl is None or self.tls.enabled:
            return self
        if self.sasl.mechanism == "AWS_MSK_IAM":
            raise ValueError("sasl: AWS_MSK_IAM works over TLS alone; add tls: {enabled: true}")
        hosts = {server.rpartition(":")[0] for server in self.servers}
        if self.sasl.mechanism == "PLAIN" and not hosts <= LOCAL_HOSTS:
            raise ValueError("sasl: PLAIN sends the password readable; add tls: {enabled: true} or use SCRAM")
        if self.sasl.mechanism == "OAUTHBEARER" and not hosts <= LOCAL_HOSTS:
            raise ValueError("sasl: OAUTHBEARER sends the token readable; add tls: {enabled: true}")
        return self


class Files(Section):
    """Files of JSON lines: read once from beginning to end, or followed as they grow and are rotated."""

    paths: Paths = setting(
        ...,
        "files to read: JSON lines, also printed over several lines, UTF-16 or Avro; .gz and .zst are expanded",
        example=["events.jsonl"],
        min_length=1,
        max_length=10_000,
        allowed="one or more paths",
    )
    follow: bool = setting(
        False,
        "go on reading as the files grow, also after they were renamed or cut by log rotation; the service then runs "
        "until it is stopped",
    )

    @model_validator(mode="after")
    def _followable(self) -> Self:
        closed = [str(path) for path in self.paths if str(path) == "-" or str(path).endswith((".gz", ".zst"))]
        if self.follow and closed:
            raise ValueError(f"follow: {closed[0][:80]} does not grow; follow plain files only, or leave follow out")
        return self


def _registry_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be http:// or https:// and a host; secrets belong in username and password_file")
    return url.rstrip("/")


class SchemaRegistry(Section):
    """The schema registry of topics in Avro or Protobuf (Confluent's API, also Karapace, Apicurio and Redpanda)."""

    url: Annotated[Word, AfterValidator(_registry_url)] = setting(
        ..., "where it is", example="https://registry.example.com:8081", max_length=2_000
    )
    username: Word | None = setting(None, "user name, or an API key", example="driftline", max_length=256)
    password_file: File | None = setting(
        None, "file with the password in its first line", example="/run/secrets/registry-password"
    )
    password_env: str | None = setting(
        None,
        "environment variable with the password",
        example="REGISTRY_PASSWORD",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
    )
    ca_file: File | None = setting(
        None, "certificates of the authorities to trust; none: the system's", example="/etc/driftline/ca.pem"
    )
    timeout: Duration = setting("10s", "longest wait for a response", ge=Duration(100), le=Duration(60_000))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password_file (or password_env) belong together; give both or neither")
        return self

    @property
    def password(self) -> SecretPlace | None:
        """Where the password is."""
        return place_of(self.password_file, self.password_env)


class Source(Section):
    """The source of the log: exactly one of kafka and files."""

    kafka: Kafka | None = setting(None, "Kafka topics")
    files: Files | None = setting(None, "files")
    format: FormatName = setting(
        "auto", "wire format of the records; auto recognises it record by record, see `driftline formats`"
    )
    thresholds: Annotated[Words, AfterValidator(_thresholds)] | None = setting(
        None,
        "thresholds that records do not carry, on the vendor's scale; <= where low is unsafe",
        example=["azure-content-safety/Violence >= 4"],
        max_length=1_000,
        allowed="one or more lines such as bedrock-checks/pii >= 0.8",
    )
    labels_from: Words | None = setting(
        None,
        "the topics (or files) whose records may be labels; in all others a label counts as an event. Unset: any may",
        example=["guardrail-labels"],
        max_length=100,
        allowed="names of topics or files",
    )
    mapping: Mapping | None = setting(None, "how to read JSON of no known format; with format: mapping, all JSON")

    schema_registry: SchemaRegistry | None = setting(None, "the schema registry of topics in Avro or Protobuf")
    unwrap: Unwrap | None = setting(None, "place in your own JSON of a record in a format that Driftline reads")

    @model_validator(mode="after")
    def _mapping_and_format(self) -> Self:
        if self.format == "mapping" and self.mapping is None:
            raise ValueError("format: mapping needs the section mapping, which names the place of each field")
        if self.mapping is not None and self.format not in ("auto", "mapping"):
            raise ValueError(f"mapping is not used with format: {self.format}; take format: auto or mapping")
        return self

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.kafka is None) == (self.files is None):
            given = "both kafka and files are given" if self.kafka else "neither kafka nor files is given"
            raise ValueError(f"{given}; give exactly one of them")
        return self
