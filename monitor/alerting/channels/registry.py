"""Every kind of channel that posts over HTTP, by its type in the settings: one file and one line here add one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from monitor.alerting.channels.alertmanager import AlertmanagerChannel
from monitor.alerting.channels.base import Channel
from monitor.alerting.channels.goalert import GoAlertChannel
from monitor.alerting.channels.grafana import GrafanaChannel
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.pagerduty import PagerDutyChannel
from monitor.alerting.channels.slack import SlackChannel
from monitor.alerting.channels.teams import TeamsChannel
from monitor.alerting.channels.webhook import WebhookChannel


def _webhook(target: Target) -> Channel:
    return WebhookChannel(url=target.url, secret=target.secret, outbound=target.outbound, clock=target.clock)


HTTP_CHANNELS: Final[Mapping[str, Callable[[Target], Channel]]] = MappingProxyType(
    {
        "webhook": _webhook,
        "pagerduty": PagerDutyChannel,
        "alertmanager": AlertmanagerChannel,
        "slack": SlackChannel,
        "teams": TeamsChannel,
        "grafana": GrafanaChannel,
        "goalert": GoAlertChannel,
    }
)
"""Type -> how it is made; raises ChannelError where nothing may be sent to its address or a key is missing."""
