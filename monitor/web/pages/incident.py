"""One incident: what somebody sees at 3 a.m., and what they can do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from monitor.errors import DriftlineError
from monitor.incidents.report import Record, parts, state, title
from monitor.incidents.report_markdown import markdown
from monitor.web.acts import IncidentAct, act_on, known_act
from monitor.web.asked import Number, Stored
from monitor.web.identity import FORM_FIELD, Asker, Responder, site_of
from monitor.web.incident_view import phase_steps, view_of
from monitor.web.problems import Answered, status_of
from monitor.web.templating import page

router = APIRouter()


@router.get("/incidents/{incident_id}")
def show(
    request: Request,
    incident_id: Number,
    asker: Asker,
    stored: Stored,
    timeline: Literal["all", "decisions"] = "all",
    done: str = "",
) -> Response:
    """The page."""
    return _shown(request, incident_id, asker, stored, timeline=timeline, done=done)


@router.get("/incidents/{incident_id}/report")
def report(request: Request, incident_id: Number, asker: Asker, stored: Stored) -> Response:
    """The post-incident report in Markdown."""
    with stored.alerts.reading() as store:
        incident = store.incident(incident_id)
        if incident is None:
            raise Answered(HTTPStatus.NOT_FOUND, f"there is no INC-{incident_id}")
        record = Record(
            incident=incident,
            case=store.case(incident_id),
            findings=store.findings(incident_id=incident_id),
            entries=store.timeline(incident_id),
            captures=store.captures(incident_id),
            measures=store.measures(incident_id),
            actions=store.actions(incident_id),
        )
    chapters = parts(record, phrases=stored.policy.phrases, now_ms=site_of(request).clock.now_ms())
    text = markdown(title(incident), state(incident), chapters)
    name = f'inline; filename="inc-{incident_id}.md"'
    return PlainTextResponse(text, media_type="text/markdown", headers={"Content-Disposition": name})


@router.post("/incidents/{incident_id}/{act_name}")
async def act(request: Request, incident_id: Number, act_name: str, responder: Responder, stored: Stored) -> Response:
    """One act, from its form; back to the page, with what was done or why not."""
    chosen = known_act(act_name)
    form = await request.form()
    try:
        body = chosen.body.model_validate(given(chosen, form))
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'form'}: {one['msg']}" for one in error.errors())
        return await run_in_threadpool(
            lambda: _shown(
                request, incident_id, responder, stored, status=HTTPStatus.UNPROCESSABLE_ENTITY, refused=mistakes
            )
        )
    now_ms = site_of(request).clock.now_ms()
    try:
        await run_in_threadpool(lambda: act_on(stored, chosen, incident_id, body, principal=responder, now_ms=now_ms))
    except DriftlineError as error:
        status, why = status_of(error), str(error)
        return await run_in_threadpool(
            lambda: _shown(request, incident_id, responder, stored, status=status, refused=why)
        )
    return RedirectResponse(f"/incidents/{incident_id}?done={quote(chosen.name)}", HTTPStatus.SEE_OTHER.value)


def given(chosen: IncidentAct, form: FormData) -> dict[str, object]:
    """The fields of a form as the act's body takes them; empty ones are left out."""
    found: dict[str, object] = {}
    for name in form:
        if name == FORM_FIELD:
            continue
        values = [value for value in form.getlist(name) if isinstance(value, str)]
        if name == "findings":
            found[name] = values
        elif values and values[0].strip():
            found[name] = values[0]
    return found


def _shown(
    request: Request,
    incident_id: int,
    asker: Asker,
    stored: Stored,
    *,
    timeline: str = "all",
    done: str = "",
    refused: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    now_ms = site_of(request).clock.now_ms()
    view = view_of(stored, incident_id, principal=asker, now_ms=now_ms)
    return page(
        request,
        "incident.html",
        status=status,
        view=view,
        phases=phase_steps(view.case),
        timeline=timeline,
        done=known_act(done).done if done else "",
        refused=refused,
    )
