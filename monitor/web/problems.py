"""Errors as answers: problem+json (RFC 9457) for the API, a page in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from monitor.errors import DriftlineError, NotFound, Refused, TryAgain
from monitor.web.templating import page

API: Final = "/api/"
MOST_PROBLEMS: Final = 20


class Answered(HTTPException):
    """An error with a status of its own; raised by dependencies and handlers."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status.value, detail, dict(headers or {}))


def status_of(error: DriftlineError) -> HTTPStatus:
    """404, 409, 503 or 500."""
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, Refused):
        return HTTPStatus.CONFLICT
    return HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, TryAgain) else HTTPStatus.INTERNAL_SERVER_ERROR


def of_driftline(request: Request, error: Exception) -> Response:
    """Errors that Driftline raises on purpose."""
    assert isinstance(error, DriftlineError)  # noqa: S101 - registered for it alone
    status = status_of(error)
    return answer(request, status, str(error) or status.phrase)


def of_http(request: Request, error: Exception) -> Response:
    """No such path or method, and what dependencies refuse."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    status = HTTPStatus(error.status_code)
    return answer(request, status, str(error.detail), headers=error.headers)


def of_validation(request: Request, error: Exception) -> Response:
    """A request that is not what the API takes: each mistake with its place, never the value."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    mistakes = [
        f"{'.'.join(str(step) for step in one['loc'][1:]) or 'body'}: {one['msg']}"
        for one in error.errors()[:MOST_PROBLEMS]
    ]
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(mistakes))


def answer(
    request: Request, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """The error in the language of whoever asked."""
    if request.url.path.startswith(API):
        body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        return JSONResponse(body, status.value, headers, media_type="application/problem+json")
    if status is HTTPStatus.UNAUTHORIZED:
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER.value)
    return page(request, "error.html", status=status, headers=headers, title=status.phrase, detail=detail)
