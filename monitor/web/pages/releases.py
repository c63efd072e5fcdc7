"""Releases: safety-suite runs by model, and versions of guardrails as the log shows them."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.evals.compare import compare
from monitor.web.asked import Stored
from monitor.web.identity import Asker
from monitor.web.templating import page

router = APIRouter()
MOST_RUNS: Final = 25
MOST_FINDINGS: Final = 50
LOOKED_AT: Final = 1_000


@router.get("/releases")
def show(request: Request, asker: Asker, stored: Stored) -> Response:
    """Runs newest first, each against the approved one of its model; comparisons of live traffic below."""
    with stored.evals.reading() as store:
        runs = store.runs(limit=MOST_RUNS)
        approved = {model: store.approved_run(model) for model in {run.model for run in runs}}
    compared = []
    for run in runs:
        baseline = approved[run.model]
        against = None if baseline is None or baseline.id == run.id else compare(run, baseline)
        compared.append((run, against))
    with stored.alerts.reading() as store:
        found = [one for one in store.findings(limit=LOOKED_AT) if one.signal == "release_delta"]
    return page(request, "releases.html", runs=compared, findings=found[:MOST_FINDINGS])
