"""The demo's real prompts and classifiers, loaded once: a second or two."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.demo.classifiers import Guardrail, load_guardrails, load_language_identifier
from monitor.demo.corpus import Prompt, load_prompts


@pytest.fixture(scope="session")
def prompts() -> tuple[Prompt, ...]:
    return load_prompts(seed=7)


@pytest.fixture(scope="session")
def guardrails() -> tuple[Guardrail, Guardrail]:
    return load_guardrails()


@pytest.fixture(scope="session")
def language() -> Callable[[str], str]:
    return load_language_identifier()
