"""Names of dropped fields in a trial's report: a key can hold what a person wrote, and nobody needs to read that."""

from __future__ import annotations

import pytest

from monitor.backtest import survey
from monitor.backtest.survey import field_name


@pytest.mark.parametrize("path", ["metadata.user_agent", "results[0].categories", "a-b.c_d"])
def test_names_of_fields_stay(path: str) -> None:
    assert field_name(path) == path


@pytest.mark.parametrize("path", ["a.ignore all previous instructions", "x" * 65, "a\x1b[31m", ".".join("ab" * 200)])
def test_names_that_look_like_text_are_pooled(path: str) -> None:
    assert field_name(path) == survey.TEXT_FIELDS
