"""The channels that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.channels.email import EmailChannel, Mailbox
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.log import LogChannel
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.registry import HTTP_CHANNELS
from monitor.clock import Clock
from monitor.errors import SettingsError
from monitor.settings import alerts
from monitor.settings.model import Settings


def channels(settings: Settings, *, clock: Clock, env: Mapping[str, str]) -> dict[str, Channel]:
    """Every channel by name.

    Raises:
        SettingsError: a secret is missing, or nothing may be sent to an address.
    """
    return {channel.name: _channel(channel, clock=clock, env=env) for channel in settings.alerts.channels}


def _channel(channel: alerts.AnyChannel, *, clock: Clock, env: Mapping[str, str]) -> Channel:
    if isinstance(channel, alerts.LogChannel):
        return LogChannel()
    secret = None if channel.secret is None else channel.secret.read(env)
    if isinstance(channel, alerts.EmailChannel):
        return EmailChannel(_mailbox(channel, secret), clock=clock)
    rules = Rules(
        allow_http=channel.allow_http, allow_private=channel.allow_private, timeout_s=channel.timeout.ms / 1000
    )
    target = Target(
        url=channel.url.get_secret_value(),
        secret=None if secret is None else secret.encode(),
        outbound=Outbound(rules),
        clock=clock,
        buttons=isinstance(channel, alerts.SlackChannel) and channel.acknowledge_button,
    )
    try:
        return HTTP_CHANNELS[channel.type](target)
    except ChannelError as error:
        raise SettingsError(f"alerts.channels: {channel.name}: {error}") from error


def _mailbox(channel: alerts.EmailChannel, password: str | None) -> Mailbox:
    return Mailbox(
        host=channel.host,
        port=channel.port,
        security=channel.security,
        sender=channel.sender,
        recipients=channel.recipients,
        user=channel.user,
        password=password,
        allow_private=channel.allow_private,
        timeout_s=channel.timeout.ms / 1000,
    )
