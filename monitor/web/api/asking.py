"""What every part of the API shares: places in lists, answers that may be repeated, documented errors."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from monitor.access.model import Answered as Kept
from monitor.access.model import Principal
from monitor.web.api.models import Problem
from monitor.web.backend import Backend
from monitor.web.identity import site_of
from monitor.web.problems import Answered

LIMIT: Final = 50
MOST: Final = 200
Limit = Annotated[int, Query(ge=1, le=MOST, description="Items at most.")]
Cursor = Annotated[str, Query(max_length=40, description="As an earlier answer gave it.")]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="The same key again answers what it answered, for a day."),
]
IfMatch = Annotated[str | None, Header(max_length=200, description="Refuse unless this is the incident's `ETag`.")]


def _problem(meaning: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": meaning, "model": Problem, "content": {"application/problem+json": {"schema": schema}}}


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: _problem("The request cannot be read"),
    401: _problem("No login, or a token that does not hold"),
    403: _problem("The role does not suffice, the guardrail is not theirs, or the request came from another site"),
    404: _problem("There is no such thing"),
    413: {"description": "The body is too long"},
    422: _problem("The request is not what this takes"),
    429: _problem("Too often"),
    503: _problem("The database cannot be reached"),
}
CHANGES: Final[dict[int | str, dict[str, Any]]] = {
    **PROBLEMS,
    409: _problem("Not allowed in the present state, or the key was used for another request"),
    412: _problem("The incident has changed since"),
}


def cursor_of(number: int) -> str:
    """A place in a list, which only we read."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def place_of(cursor: str) -> int | None:
    """The place that a cursor means; None for the beginning.

    Raises:
        Answered: 422, we gave no such cursor.
    """
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        number = int(text) if text.isdigit() and len(text) <= 16 else -1
    except ValueError:
        number = -1
    if number < 0:
        raise Answered(HTTPStatus.UNPROCESSABLE_ENTITY, "cursor: this is none of ours; leave it out to begin anew")
    return number


def once(
    request: Request,
    stored: Backend,
    principal: Principal,
    key: str | None,
    body: BaseModel | None,
    do: Callable[[], BaseModel],
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """Do it, or answer what was answered when the same caller asked the same under the same key.

    Raises:
        Answered: 409, the key was used for another request.
        NotFound, Refused, StoreUnavailable: by ``do``; nothing is kept then, so that it may be tried again.
    """
    if key is None:
        return _json(do().model_dump_json().encode(), status)
    asked = f"{request.method} {request.url.path} {'' if body is None else body.model_dump_json()}"
    mine = hashlib.sha256(f"{principal.credential_id} {key}".encode()).digest()
    this = hashlib.sha256(asked.encode()).digest()
    with stored.access.reading() as store:
        earlier = store.answered(mine)
    if earlier is not None:
        if earlier.request != this:
            raise Answered(HTTPStatus.CONFLICT, "Idempotency-Key: it was used for another request")
        return _json(earlier.body, HTTPStatus(earlier.status))
    answer = do().model_dump_json().encode()
    with stored.access.transaction() as store:
        kept = Kept(request=this, status=status.value, body=answer)
        store.keep_answer(mine, kept, now_ms=site_of(request).clock.now_ms())
    return _json(answer, status)


def _json(body: bytes, status: HTTPStatus) -> Response:
    return Response(body, status.value, media_type="application/json")
