"""The application: pages, API, what happens live, metrics and health, behind the same headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Scope

from monitor import __version__
from monitor.errors import DriftlineError
from monitor.web import api, pages, problems
from monitor.web.backend import Site
from monitor.web.feed import key_of
from monitor.web.headers import SafeHeaders
from monitor.web.health import INBOUND, MAX_THREADS, PAGES
from monitor.web.identity import Asker, cookie_scheme, site_of, token_scheme
from monitor.web.problems import Answered
from monitor.web.templating import STATIC

YEAR_S: Final = 365 * 86_400
DESCRIPTION: Final = (
    "Everything that a page of Driftline can do. Errors are problem+json (RFC 9457); lists are paged by `cursor`; "
    "incidents carry an `ETag`, which `If-Match` may ask for; a POST may carry an `Idempotency-Key`."
)


def application(site: Site) -> FastAPI:
    """The application of one site."""
    app = FastAPI(
        title="Driftline",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = site
    app.add_middleware(SafeHeaders)
    for error, handler in (
        (DriftlineError, problems.of_driftline),
        (HTTPException, problems.of_http),
        (RequestValidationError, problems.of_validation),
    ):
        app.add_exception_handler(error, handler)
    app.mount("/static", Kept(directory=STATIC), name="static")
    app.include_router(_probes())
    app.include_router(_inbound())
    app.include_router(_live())
    for router in pages.ROUTERS:
        app.include_router(router, include_in_schema=False)
    for router in api.ROUTERS:
        app.include_router(router, prefix="/api/v1", dependencies=[Depends(token_scheme), Depends(cookie_scheme)])
    return app


class Kept(StaticFiles):
    """Files whose address changes with their content: browsers keep them for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        return answer


def _probes() -> APIRouter:
    """Metrics and health, on threads of their own: slow pages keep no probe waiting."""
    router = APIRouter(include_in_schema=False)
    limiter: list[anyio.CapacityLimiter] = []

    async def probe(request: Request) -> Response:
        limiter[:] = limiter or [anyio.CapacityLimiter(MAX_THREADS)]
        shown, accept = PAGES[request.url.path], request.headers.get("Accept", "")
        status, content_type, body = await anyio.to_thread.run_sync(
            shown, site_of(request).served, accept, limiter=limiter[0]
        )
        return Response(body, status.value, {"Content-Type": content_type})

    for path in PAGES:
        router.add_api_route(path, probe, methods=["GET", "HEAD"])
    return router


def _inbound() -> APIRouter:
    """What other tools send, signed; handed on as it arrived, for a signature covers its bytes."""
    router = APIRouter(include_in_schema=False)

    @router.post(f"{INBOUND}{{name}}")
    async def take(request: Request, name: str) -> Response:
        inbound = site_of(request).inbound
        if inbound is None:
            raise Answered(HTTPStatus.NOT_FOUND, "nothing may be sent here: the settings name no source")
        body = await request.body()
        status, document = await run_in_threadpool(inbound, name, dict(request.headers), body)
        return JSONResponse(dict(document), status)

    return router


def _live() -> APIRouter:
    router = APIRouter(tags=["events"])

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}},
            401: {"description": "Not logged in"},
            503: {"description": "Too many connections, or no database yet"},
        },
    )
    async def events(request: Request, principal: Asker) -> StreamingResponse:
        """New timeline entries of all incidents as `entry`, and `judged` whenever more is judged.

        A connection that comes back with `Last-Event-ID` gets what it has missed; every 15 seconds a comment shows
        that it is alive.
        """
        site = site_of(request)
        if site.feed.browsers >= site.open_streams:
            raise Answered(HTTPStatus.SERVICE_UNAVAILABLE, "too many live connections", {"Retry-After": "15"})
        after = key_of(request.headers.get("Last-Event-ID", ""))
        stream = site.feed.events(site.backend, after=after, now_ms=site.clock.now_ms())
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return router
