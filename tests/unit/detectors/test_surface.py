"""The public surface of detectors: what it is, and that a name costs nothing until it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import detectors

SURFACE = """
Bank Budget Calibration Campaign CodedBins Comparison Decomposition DenseEvidence DenseWatch Effect Evidence FieldAuc
HistogramBins Hours Judgement KernelBins Level NearDuplicates Offenders Onset Outcome PairedComparison Reading
RecentPrints Recoupler RecoupledWatch Repeats RiverDetector SliceJudgement State Unavailable Watch
add_up adwin boundary calibrate cells compare crowding declared decompose effect field_auc growth limit material
minimum_detectable mixture named onset_of poisson_lower_limit poisson_upper_limit propose rank_fields seed_of silence
simulate sparse split_of swings tuned volume
"""


def test_the_surface_is_this_and_a_change_of_it_is_deliberate() -> None:
    assert set(detectors.__all__) == set(SURFACE.split())


@pytest.mark.parametrize("name", sorted(detectors.__all__))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(detectors, name)
    assert value.__module__.startswith("detectors.")
    assert value.__doc__, f"{name} has no docstring"


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(detectors.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    named = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named == set(detectors.__all__)


def test_a_name_that_is_not_public_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="no public name 'Mystery'"):
        _ = detectors.Mystery


def test_importing_the_package_loads_none_of_its_parts() -> None:
    code = "import sys, detectors; print([m for m in sys.modules if m.startswith(('detectors.', 'scipy', 'river'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
