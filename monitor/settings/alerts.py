"""Alerts: which channels are notified of what, and how."""

from __future__ import annotations

import re
import string
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, model_validator

from monitor.settings.secret import SecretPlace, place_of
from monitor.settings.section import File, Section, setting
from monitor.settings.source import ENV_NAME, ENV_NAME_ALLOWED
from monitor.settings.values import Duration, WebhookUrl, Words

MAIL: Final = r"^[^@\s<>,;:\x22]{1,64}@[A-Za-z0-9.-]{1,190}$"
CHANNEL_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
WEEK_MS: Final = 604_800_000
CHANNEL_NAME_ALLOWED: Final = "up to 63 lower-case letters, digits, hyphens and underscores"


def _address(template: str) -> str:
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ValueError(f"braces do not match ({error})") from None
    if fields != {"id"}:
        raise ValueError("must hold {id}, where the incident's number goes, and no other {field}")
    return template


def _webhook_url(url: WebhookUrl) -> WebhookUrl:
    try:
        parts = urlsplit(url.get_secret_value())
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL like https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password; sign with secret_file or secret_env instead")
    return url


class LogChannel(Section):
    """Writes to the service's own log."""

    type: Literal["log"] = setting(..., "the kind of channel", example="log")
    name: str = setting(
        "log", "name in metrics and records", pattern=CHANNEL_NAME, allowed=CHANNEL_NAME_ALLOWED, example="log"
    )
    notices: bool = setting(False, "send notices too, not only pages")
    every_incident: bool = setting(
        True, "notify it of every incident; false: only when an escalation step pages through it"
    )


class HttpReceiver(Section):
    """Something that takes requests over HTTP, and how it is reached."""

    url: Annotated[WebhookUrl, AfterValidator(_webhook_url)] = setting(
        ..., "where to send; shown without path and query", allowed="an https URL", example="https://example.com/hook"
    )
    allow_private: bool = setting(False, "let the URL lead to private and local addresses")
    allow_http: bool = setting(False, "let the URL be unencrypted")
    timeout: Duration = setting("5s", "time for one try", ge=Duration(100), le=Duration(60_000))
    secret_env: str | None = setting(
        None,
        "environment variable with the key: it signs each request, or authenticates at the receiver",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="DRIFTLINE_WEBHOOK_KEY",
    )
    secret_file: File | None = setting(None, "file with that key in its first line", example="/run/secrets/webhook")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        place_of(self.secret_file, self.secret_env)
        if urlsplit(self.url.get_secret_value()).scheme == "http" and not self.allow_http:
            raise ValueError("url is unencrypted; use https, or add allow_http: true")
        return self

    @property
    def secret(self) -> SecretPlace | None:
        """Where the key is; None: there is none."""
        return place_of(self.secret_file, self.secret_env)


class ChannelHead(Section):
    """What every channel but the log says first."""

    type: str = setting(..., "the kind of channel")
    name: str = setting(
        ..., "name in metrics and records", pattern=CHANNEL_NAME, allowed=CHANNEL_NAME_ALLOWED, example="chat"
    )


class HttpChannel(HttpReceiver, ChannelHead):
    """The common part of all channels that post over HTTP. (Fields of the last base come first.)"""

    notices: bool = setting(False, "send notices too, not only pages")
    every_incident: bool = setting(
        True, "notify it of every incident; false: only when an escalation step pages through it"
    )


class WebhookChannel(HttpChannel):
    """Sends JSON to a URL, signed if a secret is given."""

    type: Literal["webhook"] = setting(..., "the kind of channel", example="webhook")


class SlackChannel(HttpChannel):
    """Posts to an incoming webhook of Slack."""

    type: Literal["slack"] = setting(..., "the kind of channel", example="slack")
    acknowledge_button: bool = setting(
        False, "messages have a button that acknowledges; the Slack app must send its interactions to /inbound/NAME"
    )


class TeamsChannel(HttpChannel):
    """Posts a card to a workflow of Microsoft Teams."""

    type: Literal["teams"] = setting(..., "the kind of channel", example="teams")


class AlertmanagerChannel(HttpChannel):
    """Posts alerts to Alertmanager; the URL is its base."""

    type: Literal["alertmanager"] = setting(..., "the kind of channel", example="alertmanager")


class GrafanaChannel(HttpChannel):
    """Marks incidents on Grafana's dashboards; the URL is its base, the secret a service account's token."""

    type: Literal["grafana"] = setting(..., "the kind of channel", example="grafana")


class GoAlertChannel(HttpChannel):
    """Posts to a generic integration key of GoAlert; the URL holds it."""

    type: Literal["goalert"] = setting(..., "the kind of channel", example="goalert")


class PagerDutyChannel(HttpChannel):
    """Sends events to a PagerDuty service; the secret is its routing key."""

    type: Literal["pagerduty"] = setting(..., "the kind of channel", example="pagerduty")
    url: Annotated[WebhookUrl, AfterValidator(_webhook_url)] = setting(
        WebhookUrl("https://events.pagerduty.com/v2/enqueue"),
        "where to send; in the EU https://events.eu.pagerduty.com/v2/enqueue",
        allowed="an https URL",
        example="https://events.pagerduty.com/v2/enqueue",
    )


class EmailChannel(Section):
    """Sends e-mail by SMTP."""

    type: Literal["email"] = setting(..., "the kind of channel", example="email")
    name: str = setting(
        ..., "name in metrics and records", pattern=CHANNEL_NAME, allowed=CHANNEL_NAME_ALLOWED, example="mail"
    )
    host: str = setting(
        ...,
        "name of the mail server",
        allowed="a host name",
        min_length=1,
        max_length=255,
        example="mail.example.com",
    )
    port: int = setting(587, "port of the mail server", unit="port", ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = setting("starttls", "how the connection is encrypted")
    sender: str = setting(
        ..., "from whom", pattern=MAIL, allowed="an e-mail address", max_length=254, example="driftline@example.com"
    )
    recipients: Words = setting(
        ..., "to whom", allowed="e-mail addresses", min_length=1, max_length=50, example="on-call@example.com"
    )
    user: str | None = setting(
        None, "user name at the mail server", allowed="text", max_length=200, example="driftline"
    )
    notices: bool = setting(False, "send notices too, not only pages")
    every_incident: bool = setting(
        True, "notify it of every incident; false: only when an escalation step pages through it"
    )
    allow_private: bool = setting(False, "let the host be a private or local address")
    timeout: Duration = setting("10s", "time for one try", ge=Duration(100), le=Duration(60_000))
    secret_env: str | None = setting(
        None,
        "environment variable with the password",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="DRIFTLINE_MAIL_PASSWORD",
    )
    secret_file: File | None = setting(None, "file with the password in its first line", example="/run/secrets/mail")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        place_of(self.secret_file, self.secret_env)
        wrong = [each for each in self.recipients if re.fullmatch(MAIL, each) is None]
        if wrong:
            raise ValueError(f"recipients: {wrong[0][:60]!r} is no e-mail address")
        if self.user is not None and self.secret is None:
            raise ValueError("user needs the password: give secret_file or secret_env")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent unencrypted; use security: starttls or tls")
        return self

    @property
    def secret(self) -> SecretPlace | None:
        """Where the password is; None: the server requires none."""
        return place_of(self.secret_file, self.secret_env)


AnyChannel = (
    LogChannel
    | WebhookChannel
    | PagerDutyChannel
    | AlertmanagerChannel
    | SlackChannel
    | TeamsChannel
    | GrafanaChannel
    | GoAlertChannel
    | EmailChannel
)
Channel = Annotated[AnyChannel, Discriminator("type")]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _distinct(channels: tuple[AnyChannel, ...]) -> tuple[AnyChannel, ...]:
    names = [channel.name for channel in channels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: used by more than one channel; give each its own name")
    return channels


class Alerts(Section):
    """Incidents and notifications."""

    group_window: Duration = setting(
        "30m",
        "findings of one stream within this time join one incident",
        ge=Duration(0),
        le=Duration(WEEK_MS),
    )
    notify_within: Duration = setting(
        "1h",
        "a finding whose onset is older than this (a backfill) is recorded and notifies nobody",
        ge=Duration(60_000),
        le=Duration(4 * WEEK_MS),
    )
    auto_resolve: bool = setting(False, "resolve an incident by itself once its evidence is gone")
    address: Annotated[str, AfterValidator(_address)] = setting(
        "driftline incidents show {id}",
        "command or URL that shows an incident; {id} is its number",
        min_length=1,
        max_length=500,
        allowed="text with {id} in it",
    )
    playbooks: File | None = setting(
        None, "folder with playbooks of your own, in place of those that ship", example="/etc/driftline/playbooks"
    )
    deployment: str = setting(
        "", "name of this deployment, shown in every message", max_length=100, example="production"
    )
    channels: Annotated[tuple[Channel, ...], BeforeValidator(_as_tuple), AfterValidator(_distinct)] = setting(
        [{"type": "log"}], "where notifications go", max_length=32
    )


class Rules(Section):
    """Plain rules beside the statistics; they promise no rate of false alarms."""

    silence: Literal["page", "notice", "off"] = setting(
        "page", "a guardrail that is silent while its siblings judge traffic"
    )
    volume: Literal["notice", "off"] = setting("notice", "traffic far outside of the baseline's scatter")
    contradictions: Literal["page", "notice", "off"] = setting(
        "notice", "a guardrail whose verdicts contradict their own scores and thresholds"
    )
    contradiction_share: float = setting(
        0.05, "share of a guardrail's verdicts that may contradict", unit="verdicts", ge=0, le=1
    )
    campaign: Literal["page", "notice", "off"] = setting(
        "notice", "seven near-duplicates of one prompt within an hour, or from few sessions"
    )
    new_units: Literal["page", "notice", "off"] = setting(
        "page", "a flood of new versions, categories or thresholds of one guardrail, or of new guardrails"
    )
