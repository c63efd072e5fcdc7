"""What the documentation shows runs as it is written."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import detectors

MODULES = sorted(m.name for m in pkgutil.iter_modules(detectors.__path__))
README = Path(detectors.__path__[0]) / "README.md"


WITHOUT = {"arena", "compile_notices", "compiled", "discrete", "evidence_kernel", "popcount"}
"""Inner loops that nobody calls but the modules beside them, and what compiles them."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_there_and_true(name):
    result = doctest.testmod(importlib.import_module(f"detectors.{name}"))
    assert result.failed == 0
    assert (result.attempted == 0) == (name in WITHOUT)


def test_the_example_of_the_readme_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(code, str(README), "exec"), {})
    assert "Reading(evidence=" in capsys.readouterr().out


def test_the_readme_names_every_module():
    text = README.read_text(encoding="utf-8")
    assert [name for name in MODULES if f"`{name}`" not in text] == []
