"""The settings: one file, typed, immutable. Every field states its meaning, unit and range."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from monitor.clock import DAY_MS, HOUR_MS
from monitor.errors import SettingsError
from monitor.settings.alerts import Alerts, Rules
from monitor.settings.controls import ControlStatement
from monitor.settings.grafana import Grafana
from monitor.settings.oncall import OnCall
from monitor.settings.response import Response
from monitor.settings.retention import Retention
from monitor.settings.secret import SecretPlace, place_of
from monitor.settings.section import File, Section, setting
from monitor.settings.signals import SignalSettings
from monitor.settings.source import ENV_NAME, ENV_NAME_ALLOWED, Source
from monitor.settings.values import DatabaseUrl, Duration, Size, Word

Period = Literal["day", "week", "month", "quarter", "year"]

PERIOD_DAYS: Final[Mapping[Period, int]] = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
"""Days of a budget's period; calendar months differ, a promise should not."""

DEFAULT_DATABASE: Final = "sqlite:///driftline.db"


def database_url(text: str) -> str:
    """The URL, if it is one that Driftline can use.

    Raises:
        ValueError: it is not; without its text, which may hold a password.
    """
    if not text.startswith(("sqlite://", "postgresql://")):
        raise ValueError("must begin with postgresql:// or sqlite://")
    return text


def _database(url: DatabaseUrl) -> DatabaseUrl:
    database_url(url.get_secret_value())
    return url


class Budget(Section):
    """The number of false alarms that the team accepts, over the whole fleet."""

    pages: float = setting(
        ..., "acceptable false pages per period, on average", unit="pages", gt=0, le=1_000_000, example=1
    )
    per: Period = setting("month", "period of pages; a month is 30 days, a quarter 90, a year 365")
    notices: float = setting(1, "acceptable false notices per period, on average", unit="notices", gt=0, le=1_000_000)
    notices_per: Period = setting("day", "period of notices")
    weights: dict[str, Annotated[float, Field(gt=0, le=1_000)]] = setting(
        {},
        "weight of each stream of a guardrail in both budgets, where others have 1; by its name in the log",
        allowed="guardrails with numbers, each more than 0, at most 1,000, such as {prompt-injection: 3}",
        max_length=10_000,
        example={"prompt-injection": 3},
    )

    @property
    def page_period_s(self) -> float:
        """The period of pages in seconds."""
        return PERIOD_DAYS[self.per] * 86_400.0

    @property
    def notice_period_s(self) -> float:
        """The period of notices in seconds."""
        return PERIOD_DAYS[self.notices_per] * 86_400.0


class Ticks(Section):
    """Division of event time into ticks. A change opens a new epoch of every baseline."""

    length: Duration = setting("10s", "length of a tick of event time", ge=Duration(100), le=Duration(HOUR_MS))
    lateness: Duration = setting(
        "500ms", "how long a tick stays open for late events", ge=Duration(0), le=Duration(HOUR_MS)
    )
    ahead: Duration = setting(
        "60s", "event times further in the future than this are rejected", ge=Duration(0), le=Duration(DAY_MS)
    )


class Baseline(Section):
    """The rule of learning normal behaviour."""

    approval: Literal["automatic", "manual"] = setting(
        "automatic", "automatic takes the first events of a stream as normal; manual waits for `driftline baseline`"
    )
    events: int = setting(1600, "events of a stream that make a baseline", unit="events", ge=100, le=100_000_000)
    span: Duration = setting(
        "1d",
        "time that a baseline spans at least, 7d where weekends differ; before, a stream is watched provisionally",
        ge=Duration(0),
        le=Duration(31 * DAY_MS),
    )


class Limits(Section):
    """Bounds against hostile or broken input; anything beyond them is pooled or refused, and counted."""

    record_bytes: Size = setting("1MiB", "longest record that is read", unit="bytes", ge=1 << 10, le=64 << 20)
    depth: int = setting(32, "deepest nesting of a record", unit="levels", ge=1, le=64)
    guardrails: int = setting(1000, "distinct guardrails", unit="guardrails", ge=1, le=100_000)
    units: int = setting(
        4096, "distinct streams: guardrail, version, category, stage, threshold", unit="units", ge=1, le=1_000_000
    )
    strata_per_unit: int = setting(256, "distinct slices of one stream", unit="slices", ge=1, le=65_536)
    slices: int = setting(65_536, "distinct slices in all", unit="slices", ge=1, le=10_000_000)
    dedupe_window: int = setting(
        65_536, "offsets back in which a repeated event_id is a duplicate", unit="offsets", ge=0, le=16_777_216
    )
    join_window: int = setting(
        16_384,
        "offsets back in which the events of one request find each other; 0 turns joins off",
        unit="offsets",
        ge=0,
        le=1_048_576,
    )
    repeat_window: int = setting(
        65_536,
        "offsets back in which a prompt finds its near-duplicates, the newest 8,192 at most; 0 turns it off",
        unit="offsets",
        ge=0,
        le=16_777_216,
    )


class DeadLetter(Section):
    """Destination of unreadable records."""

    topic: Word | None = setting(
        None,
        "Kafka topic; none: the first topic's name with .dead after it",
        example="guardrail-events.dead",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        allowed="a topic name",
    )
    file: File | None = setting(None, "file of JSON lines, instead of a topic", example="dead.jsonl")
    payload: Literal["drop", "keep"] = setting(
        "drop", "drop keeps reason, offset and hash only; keep adds the record, and with it any text in it"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.topic is not None and self.file is not None:
            raise ValueError("give topic or file, not both")
        return self


class Http(Section):
    """Pages, API, metrics and health."""

    enabled: bool = setting(True, "serve /metrics, /healthz and /readyz, and the pages")
    pages: bool = setting(True, "serve pages and API beside them, for whoever has a login or a token")
    url: str | None = setting(
        None,
        "address under which people reach the pages, for links in messages; with https cookies are for https alone",
        pattern=r"^https?://[A-Za-z0-9.:\[\]_-]{1,255}/?$",
        allowed="http:// or https:// with a host, and a port where it needs one",
        example="https://driftline.example.com",
    )
    host: str = setting("127.0.0.1", "address to listen at", min_length=1, max_length=255)
    port: int = setting(9464, "port to listen at; 0: any free one", unit="port", ge=0, le=65_535)


class Log(Section):
    """The service's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "lowest level that is written")
    format: Literal["console", "json"] = setting("console", "lines for people, or one JSON object per line")


class Privacy(Section):
    """The key under which identifiers and texts are hashed. All workers need the same one."""

    key_file: File | None = setting(
        None,
        "file with the key; none: a random key kept beside the SQLite database, else one per process",
        example="/run/secrets/driftline-key",
    )
    key_env: str | None = setting(
        None,
        "environment variable with the key",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="DRIFTLINE_KEY",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        place_of(self.key_file, self.key_env)
        return self

    @property
    def key(self) -> SecretPlace | None:
        """Where the key is; None if Driftline is to make one."""
        return place_of(self.key_file, self.key_env)


class Settings(Section):
    """Everything that can be set."""

    source: Source = setting(..., "source of the log")
    budget: Budget = setting(..., "acceptable false alarms")
    database: Annotated[DatabaseUrl, AfterValidator(_database)] = setting(
        DEFAULT_DATABASE,
        "database URL; shown without its password",
        allowed="postgresql://user:password@host/name or sqlite:///file",
    )
    database_file: File | None = setting(
        None, "file with the database URL in its first line, instead of database", example="/run/secrets/database-url"
    )
    ticks: Ticks = setting(Ticks(), "division of event time into ticks")
    baseline: Baseline = setting(Baseline(), "how normal behaviour is learned")
    limits: Limits = setting(Limits(), "bounds")
    dead_letter: DeadLetter = setting(DeadLetter(), "unreadable records")
    alerts: Alerts = setting(Alerts(), "incidents and notifications")
    signals: dict[str, SignalSettings] = setting(
        {}, "signals with settings other than the defaults, by name", max_length=100
    )
    controls: dict[str, ControlStatement] = setting(
        {}, "the control statement of each guardrail, by its name in the log", max_length=100_000
    )
    oncall: OnCall = setting(OnCall(), "who is on call, and who is paged when nobody answers")
    response: Response = setting(Response(), "what the response can do beyond paging")
    rules: Rules = setting(Rules(), "plain rules")
    retention: Retention = setting(Retention(), "how long records are kept")
    http: Http = setting(Http(), "pages, API, metrics and health")
    grafana: Grafana | None = setting(None, "a Grafana that shows what Driftline sees")
    log: Log = setting(Log(), "the service's own log")
    privacy: Privacy = setting(Privacy(), "the hash key")
    commit_interval: Duration = setting(
        "1s", "longest time between two commits of counts", ge=Duration(10), le=Duration(60_000)
    )
    worker_id: Word | None = setting(
        None,
        "name of this worker in leases and logs; none: host and process",
        example="worker-1",
        max_length=100,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.database_file is not None and "database" in self.model_fields_set:
            raise ValueError("give database or database_file, not both")
        if self.limits.slices < self.limits.units:
            raise ValueError("limits.slices must not be below limits.units: every unit needs a slice")
        return self

    @property
    def dead_letter_topic(self) -> str | None:
        """Kafka topic of unreadable records; None if they go elsewhere."""
        if self.dead_letter.file is not None or self.source.kafka is None:
            return None
        return self.dead_letter.topic or f"{self.source.kafka.topics[0]}.dead"

    def open_database_url(self, env: Mapping[str, str] = os.environ) -> str:
        """The database URL with its password; read it late and show it nowhere.

        Raises:
            SettingsError: database_file cannot be read or holds no URL.
        """
        if self.database_file is None:
            return self.database.get_secret_value()
        place = SecretPlace(file=Path(self.database_file))
        try:
            return database_url(place.read(env))
        except ValueError as error:
            raise SettingsError(f"database_file: {place}: {error}") from None
