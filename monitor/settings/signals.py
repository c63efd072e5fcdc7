"""Settings of single signals, by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from monitor.settings.section import Section, setting

OURS = "driftline"
PARAMETERS_AT_MOST = 20


def _detector(name: str) -> str:
    if name != OURS and not name.startswith("river."):
        raise ValueError("must be")
    return name


class SignalSettings(Section):
    """One signal."""

    enabled: bool = setting(
        True, "watch it; false: it is neither counted nor judged, and its budget goes to the rest"
    )
    weight: float = setting(
        1, "its share of the budgets, against 1 of the other signals", unit="shares", gt=0, le=1_000, example=2
    )
    detector: Annotated[str, AfterValidator(_detector)] = setting(
        OURS,
        "detector of any change; river's detectors promise no rate of false alarms and only raise notices",
        allowed="driftline, or river. and a detector of river.drift or river.drift.binary: river.ADWIN",
        min_length=1,
        max_length=100,
        example="river.ADWIN",
    )
    parameters: dict[str, float | int | bool | str] = setting(
        {},
        "parameters of a river detector, by the names that river gives them",
        allowed="names with values, such as {delta: 0.001}",
        max_length=PARAMETERS_AT_MOST,
        example={"delta": 0.001},
    )
