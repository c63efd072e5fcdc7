"""The sync with Grafana: settings to the server and the wish, and the job that repeats it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog

from monitor.errors import DriftlineError, SettingsError, TryAgain
from monitor.settings.grafana import Grafana
from monitor.settings.model import Settings
from monitor.wiring.jobs import Job

if TYPE_CHECKING:
    from monitor.grafana.sync.run import Options, Step
    from monitor.grafana.sync.server import Server

_LOG: Final = structlog.stdlib.get_logger("driftline.grafana")


def synced(settings: Settings, options: Options, env: Mapping[str, str] = os.environ) -> Iterator[Step]:
    """Each object, once it is done.

    Raises:
        SettingsError: there is no section ``grafana``, a secret is missing, or the extra is not installed.
        GrafanaUnavailable, GrafanaRefused: see :func:`monitor.grafana.sync.run.sync`.
    """
    given = settings.grafana
    if given is None:
        raise SettingsError("grafana: is not set; give url and token_file, see monitor/grafana/README.md")
    require_extra()
    from monitor.grafana.desired import desired  # noqa: PLC0415 - the extra may be missing
    from monitor.grafana.sync.run import sync  # noqa: PLC0415

    yield from sync(_server(given, env), desired(given, env), options, key=given.token.read(env).encode())


def grafana_job(settings: Settings, env: Mapping[str, str]) -> Job | None:
    """The job of the judging process; None where the settings do not ask for it.

    Raises:
        SettingsError: the extra is not installed, or a secret is missing: said at the start, not an hour later.
    """
    given = settings.grafana
    if given is None or given.every is None:
        return None
    require_extra()
    from monitor.grafana.desired import desired  # noqa: PLC0415 - the extra may be missing
    from monitor.grafana.sync.run import Options  # noqa: PLC0415

    desired(given, env)
    given.token.read(env)

    def step() -> None:
        try:
            for done in synced(settings, Options(), env):
                if done.action.value != "unchanged":
                    _LOG.info("synced", kind=done.kind, uid=done.uid, action=done.action.value, why=done.why)
        except TryAgain:
            raise
        except DriftlineError as error:
            # A token that was taken away must not end the judging of guardrails: it shows as a job that fails.
            raise TryAgain(str(error)) from error

    return Job("grafana", given.every.seconds, step, leader_only=True)


def _server(given: Grafana, env: Mapping[str, str]) -> Server:
    from monitor.grafana.sync.server import Server  # noqa: PLC0415 - the extra may be missing

    ca_file = None if given.ca_file is None else str(given.ca_file)
    return Server(given.url, given.token.read(env), timeout_s=given.timeout.seconds, ca_file=ca_file)


def require_extra() -> None:
    """Call it before anything of :mod:`monitor.grafana` is imported.

    Raises:
        SettingsError: the extra is not installed; with the command that does it.
    """
    missing = [name for name in ("grafana_api", "grafana_foundation_sdk") if find_spec(name) is None]
    if missing:
        raise SettingsError(f"grafana: needs {missing[0]}; install it with: pip install 'driftline[grafana]'")
