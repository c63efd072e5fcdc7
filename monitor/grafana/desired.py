"""What ought to be in Grafana: folder, data sources, dashboards, alert rules, contact point, policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.grafana import names
from monitor.grafana.alert_rules import ALERTS, for_grafana
from monitor.grafana.dashboards.registry import DASHBOARDS
from monitor.grafana.documents import plain
from monitor.settings.grafana import Grafana, GrafanaContactPoint, GrafanaDatabase

Document = dict[str, Any]
SIGNATURE: Final = "X-Grafana-Alerting-Signature"
SIGNED_AT: Final = "X-Grafana-Alerting-Timestamp"
"""Header with the time that is signed with the body, so that an old message cannot be played back."""


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything, by uid, as plain data.

    Attributes:
        folders: by uid.
        data_sources: by uid, as /api/datasources knows them.
        dashboards: by uid, in the classic schema.
        rules: by uid, as /api/v1/provisioning/alert-rules knows them.
        contact_points: by uid, as /api/v1/provisioning/contact-points knows them.
        routes: by contact point: the route of the notification policy that leads to it.
        secrets: by uid of a data source or contact point: what is written and can never be read back.
    """

    folders: Mapping[str, Document]
    data_sources: Mapping[str, Document]
    dashboards: Mapping[str, Document]
    rules: Mapping[str, Document]
    contact_points: Mapping[str, Document]
    routes: Mapping[str, Document]
    secrets: Mapping[str, Mapping[str, str]]


def desired(settings: Grafana, env: Mapping[str, str]) -> Desired:
    """The state that the settings ask for.

    Raises:
        SettingsError: a secret is missing.
    """
    secrets: dict[str, Mapping[str, str]] = {}
    sources: dict[str, Document] = {}
    if settings.database is not None:
        sources[names.POSTGRESQL] = postgresql(settings.database)
        secrets[names.POSTGRESQL] = {"password": settings.database.password.read(env)}
    if settings.prometheus_url is not None:
        sources[names.PROMETHEUS] = prometheus(settings.prometheus_url)
    points: dict[str, Document] = {}
    if settings.contact_point is not None:
        points[names.CONTACT_POINT_UID] = webhook(settings.contact_point)
        if settings.contact_point.secret is not None:
            secrets[names.CONTACT_POINT_UID] = {"hmacConfig.secret": settings.contact_point.secret.read(env)}
    return Desired(
        folders={names.FOLDER: {"uid": names.FOLDER, "title": names.FOLDER_TITLE}},
        data_sources=sources,
        dashboards={made["uid"]: made for made in (plain(make()) for make in DASHBOARDS)},
        rules={made["uid"]: made for made in (for_grafana(one, runbooks=settings.runbooks) for one in ALERTS)},
        contact_points=points,
        routes={names.CONTACT_POINT: route()} if points else {},
        secrets=secrets,
    )


def postgresql(database: GrafanaDatabase) -> Document:
    """The data source that reads the views."""
    return {
        "uid": names.POSTGRESQL,
        "name": "Driftline PostgreSQL",
        "type": "postgres",
        "access": "proxy",
        "url": database.host,
        "user": database.user,
        "database": database.name,
        "isDefault": False,
        # 14 or newer is what Driftline needs; 1400 is the newest that the oldest servers' list knows.
        "jsonData": {"database": database.name, "sslmode": database.sslmode, "postgresVersion": 1400},
    }


def prometheus(url: str) -> Document:
    """The data source that has the metrics."""
    return {
        "uid": names.PROMETHEUS,
        "name": "Driftline Prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "isDefault": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
    }


def webhook(point: GrafanaContactPoint) -> Document:
    """The contact point; the key that it signs with is among the secrets."""
    headers = {"header": SIGNATURE, "timestampHeader": SIGNED_AT}
    signed = {"hmacConfig": headers} if point.secret is not None else {}
    return {
        "uid": names.CONTACT_POINT_UID,
        "name": names.CONTACT_POINT,
        "type": "webhook",
        "disableResolveMessage": False,
        "settings": {"url": point.url, "httpMethod": "POST", **signed},
    }


def route() -> Document:
    """The route of our alerts; everybody else's go where they went before."""
    return {
        "receiver": names.CONTACT_POINT,
        "object_matchers": [[names.OWNER_LABEL, "=", names.OWNER_VALUE]],
        "group_by": ["alertname"],
    }
