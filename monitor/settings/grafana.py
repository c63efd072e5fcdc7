"""Grafana: where it is, and what `driftline grafana sync` keeps there."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from monitor.clock import DAY_MS
from monitor.settings.secret import SecretPlace, place_of
from monitor.settings.section import File, Section, setting
from monitor.settings.source import ENV_NAME, ENV_NAME_ALLOWED
from monitor.settings.values import Duration, Word

HOST_PORT: Final = r"^[A-Za-z0-9._-]{1,255}:[0-9]{1,5}$"
NAME: Final = r"^[A-Za-z0-9_.-]{1,63}$"


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL like https://host/path")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("must not hold a user name, password or query; secrets have settings of their own")
    return url.rstrip("/")


Url = Annotated[Word, AfterValidator(_url)]


class GrafanaDatabase(Section):
    """Data source for PostgreSQL: the role that `driftline db reader` makes, as Grafana reaches the database."""

    host: Word = setting(
        ..., "database server, as Grafana reaches it", pattern=HOST_PORT, allowed="host:port", example="postgres:5432"
    )
    name: Word = setting("driftline", "name of the database", pattern=NAME, allowed="letters, digits, _ . -")
    user: Word = setting(
        "grafana", "role that may read the views alone", pattern=NAME, allowed="letters, digits, _ . -"
    )
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = setting("verify-full", "TLS to the database")
    password_file: File | None = setting(
        None, "file with the role's password in its first line", example="/run/secrets/grafana-reader"
    )
    password_env: str | None = setting(
        None,
        "environment variable with the role's password",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="GRAFANA_READER_PASSWORD",
    )

    @model_validator(mode="after")
    def _has_password(self) -> Self:
        if place_of(self.password_file, self.password_env) is None:
            raise ValueError("needs password_file or password_env")
        return self

    @property
    def password(self) -> SecretPlace:
        """Where the role's password is."""
        return SecretPlace(self.password_file, self.password_env)


class GrafanaContactPoint(Section):
    """Contact point that sends the alerts about Driftline itself to a webhook, signed by Grafana 12 and newer."""

    url: Url = setting(
        ..., "where Grafana sends them", allowed="a URL", example="https://driftline.example.com/hooks"
    )
    secret_file: File | None = setting(
        None, "file with the key that Grafana signs with, in its first line", example="/run/secrets/grafana-hook"
    )
    secret_env: str | None = setting(
        None,
        "environment variable with that key",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="GRAFANA_HOOK_KEY",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        place_of(self.secret_file, self.secret_env)
        return self

    @property
    def secret(self) -> SecretPlace | None:
        """Where the key is; None: nothing is signed."""
        return place_of(self.secret_file, self.secret_env)


class Grafana(Section):
    """A Grafana that shows what Driftline sees."""

    url: Url = setting(..., "base of Grafana", allowed="a URL", example="https://grafana.example.com")
    token_file: File | None = setting(
        None,
        "file with the token of a service account that is admin, in its first line",
        example="/run/secrets/grafana",
    )
    token_env: str | None = setting(
        None,
        "environment variable with that token",
        pattern=ENV_NAME,
        allowed=ENV_NAME_ALLOWED,
        example="GRAFANA_TOKEN",
    )
    allow_http: bool = setting(False, "let the URL be unencrypted; the token then travels readable")
    ca_file: File | None = setting(
        None, "certificates of the authorities to trust; none: the system's", example="/etc/driftline/ca.pem"
    )
    timeout: Duration = setting("10s", "time for one request", ge=Duration(100), le=Duration(60_000))
    every: Duration | None = setting(
        None,
        "how often the judging process syncs by itself; none: only `driftline grafana sync` does",
        ge=Duration(60_000),
        le=Duration(DAY_MS),
        example="1h",
    )
    prometheus_url: Url | None = setting(
        None,
        "Prometheus, as Grafana reaches it; none: its data source is not made here",
        allowed="a URL",
        example="http://prometheus:9090",
    )
    runbooks: Url | None = setting(
        None,
        "where the runbooks of deploy/runbooks lie for people; none: their paths",
        allowed="a URL",
        example="https://wiki.example.com/driftline",
    )
    database: GrafanaDatabase | None = setting(None, "data source for PostgreSQL; none: it is not made here")
    contact_point: GrafanaContactPoint | None = setting(None, "contact point of the alerts about Driftline itself")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if place_of(self.token_file, self.token_env) is None:
            raise ValueError("needs token_file or token_env")
        if urlsplit(self.url).scheme == "http" and not self.allow_http:
            raise ValueError("url is unencrypted; use https, or add allow_http: true")
        return self

    @property
    def token(self) -> SecretPlace:
        """Where the token is."""
        return SecretPlace(self.token_file, self.token_env)
