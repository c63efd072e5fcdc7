"""Pages out of templates: every value escaped, times and names written the same way everywhere."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor import __version__
from monitor.access.credentials import form_secret
from monitor.access.model import Principal, Role
from monitor.alerting.silences import ago
from monitor.incidents.words import duration, incident_name, moment, number, percent, plain, rfc3339
from monitor.render.svg import Chart

STATIC: Final = Path(__file__).parent / "static"
LEAST_GZIP: Final = 1024
MENU: Final = (
    ("/", "Now"),
    ("/incidents", "Incidents"),
    ("/streams", "Streams"),
    ("/baselines", "Baselines"),
    ("/budget", "Budget"),
    ("/silences", "Silences"),
    ("/oncall", "On call"),
    ("/playbooks", "Playbooks"),
    ("/controls", "Controls"),
    ("/releases", "Releases"),
    ("/settings", "Settings"),
)


def page(
    request: Request,
    template: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """One page; compressed where the browser takes it."""
    site = request.app.state.site
    principal: Principal | None = getattr(request.state, "principal", None)
    session = request.cookies.get("__Host-driftline" if site.secure else "driftline", "")
    text = ENVIRONMENT.get_template(template).render(
        request=request,
        path=request.url.path,
        menu=MENU,
        principal=principal,
        form=form_secret(session) if session else "",
        may=lambda role: principal is not None and principal.role.covers(Role(role)),
        now_ms=site.clock.now_ms(),
        version=__version__,
        **values,
    )
    body, sent = text.encode(), dict(headers or {})
    sent["Vary"] = "Accept-Encoding, Cookie"
    if len(body) >= LEAST_GZIP and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, compresslevel=6, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status.value, sent)


def _time(at_ms: int | None, *, day_of_ms: int | None = None) -> Markup:
    if at_ms is None:
        return Markup("-")
    return Markup('<time datetime="{}">{}</time>').format(rfc3339(at_ms), moment(at_ms, day_of_ms=day_of_ms))


def _svg(chart: Chart) -> Markup:
    return Markup(chart.svg)  # noqa: S704 - the render room escapes whatever goes into it


def _static(name: str) -> str:
    """The address of a file under ``static/``, which changes with its content: browsers keep it for a year."""
    return f"/static/{name}?{_FINGERPRINTS[name]}"


_FINGERPRINTS: Final = {
    file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    for file in sorted(STATIC.iterdir())
    if file.is_file()
}

ENVIRONMENT: Final = Environment(
    loader=PackageLoader("monitor.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(
    plain=plain,
    line=lambda text: plain(text, longest=4000),
    time=_time,
    ago=ago,
    duration=duration,
    number=number,
    incident=incident_name,
    percent=percent,
    words=lambda text: str(text).replace("_", " "),
    svg=_svg,
)
ENVIRONMENT.globals.update(static=_static)
