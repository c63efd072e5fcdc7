"""The response beyond paging: measures of containment, requests of other tools, the timelines' heads."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.clock import DAY_MS, HOUR_MS
from monitor.settings.alerts import HttpReceiver
from monitor.settings.secret import SecretPlace, place_of
from monitor.settings.section import File, Section, setting
from monitor.settings.source import ENV_NAME, ENV_NAME_ALLOWED
from monitor.settings.values import Duration, Words

NAME: Final = r"[a-z0-9][a-z0-9_-]{0,62}"
NAME_ALLOWED: Final = "up to 63 lower-case letters, digits, hyphens and underscores"
ACTIONS = Literal[
    "tighten_threshold", "stricter_policy", "roll_back_model", "roll_back_guardrail", "limit_rate", "fail_closed"
]


class ContainmentMeasure(HttpReceiver):
    """A change that a receiver of yours can make, once a named person has approved it."""

    action: ACTIONS = setting(..., "what it changes, in the playbooks' words", example="tighten_threshold")
    guardrails: Words = setting(
        (), "guardrails that it is for; none: all", allowed="names in the log", max_length=1000
    )
    parameters: dict[str, Annotated[str, Field(max_length=200)]] = setting(
        {}, "what the receiver is told", allowed="names with texts, such as {threshold: '0.4'}", max_length=20
    )
    approvers: Words = setting(
        ..., "people who may approve it", allowed="names of people", min_length=1, max_length=50, example="ann, ben"
    )
    four_eyes: bool = setting(True, "whoever proposes it may not approve it")
    approve_within: Duration = setting(
        "30m", "a proposal lapses after this", ge=Duration(60_000), le=Duration(7 * DAY_MS)
    )
    lasts: Duration | None = setting(
        None,
        "it is undone by itself after this; none: a person undoes it",
        ge=Duration(60_000),
        le=Duration(90 * DAY_MS),
        example="2h",
    )
    give_up: Duration = setting("5m", "sending fails after this", ge=Duration(1_000), le=Duration(HOUR_MS))

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.secret is None:
            raise ValueError("a measure is signed: give secret_file or secret_env")
        return self


class Inbound(Section):
    """Another tool that may open, extend or acknowledge incidents, at /inbound/NAME."""

    kind: Literal["grafana", "alertmanager", "slack", "pagerduty"] = setting(..., "who sends", example="grafana")
    secret_env: str | None = setting(
        None,
        "environment variable with what it signs with; of Alertmanager its bearer token",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="DRIFTLINE_GRAFANA_SECRET",
    )
    secret_file: File | None = setting(
        None, "file with that secret in its first line", example="/run/secrets/grafana"
    )
    window: Duration = setting(
        "5m", "how old or early a signed request may be", ge=Duration(10_000), le=Duration(HOUR_MS)
    )
    timestamp_header: str = setting(
        "X-Grafana-Alerting-Timestamp",
        "header with the time of Grafana's signature, as its contact point sets it",
        pattern=r"^[A-Za-z0-9-]{1,100}$",
        allowed="a header's name",
    )

    @model_validator(mode="after")
    def _with_secret(self) -> Self:
        if self.secret is None:
            raise ValueError("give secret_file or secret_env: nobody else may open incidents")
        return self

    @property
    def secret(self) -> SecretPlace | None:
        """Where the secret is."""
        return place_of(self.secret_file, self.secret_env)


class HighRisk(Section):
    """A high-risk system by the EU AI Act: triage then asks for Article 3(49)."""

    name: str = setting(..., "name of the system", min_length=1, max_length=200, example="loan assistant")
    version: str = setting("", "its version", max_length=100)
    database_number: str = setting("", "its number in the EU database", max_length=100)
    role: Literal["provider", "deployer"] = setting("provider", "what you are to it")
    contact: str = setting("", "whom the authority asks", max_length=200)
    member_states: Words = setting((), "where it is used", allowed="names of member states", max_length=27)
    intended_use: str = setting("", "its intended purpose", max_length=1000)


class Response(Section):
    """What the response can do beyond paging."""

    measures: dict[str, ContainmentMeasure] = setting({}, "measures of containment by name", max_length=100)
    inbound: dict[str, Inbound] = setting({}, "other tools that send here, by name", max_length=32)
    high_risk: HighRisk | None = setting(None, "the system is a high-risk one by the EU AI Act")
    anchor_file: File | None = setting(
        None,
        "file to which the heads of timelines are appended; on another disk or machine than the database",
        example="/var/lib/driftline-anchors/heads.jsonl",
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in (*self.measures, *self.inbound):
            if re.fullmatch(NAME, name) is None:
                raise ValueError(f"{name[:60]!r} is no name; use {NAME_ALLOWED}")
        return self
