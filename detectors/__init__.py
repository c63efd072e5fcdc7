"""Sequential tests of counts, with a bound on false alarms. What is listed here is the public surface.

>>> import numpy as np
>>> from detectors import Watch, material, propose
>>> level = propose([1560, 40], [0, 1])
>>> Watch(material([0, 1], level=level.limit), spend=1e-4, n_ref=50).update(np.array([45, 5])).state.value
'armed'

Names are loaded when they are first asked for: a worker that only counts needs neither SciPy nor river. Modules that
are not named here are inner parts, and may change without notice.
"""

# ruff: noqa: F401 - what is imported under TYPE_CHECKING is the surface as type checkers see it
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from detectors.alternatives import (
        Bank,
        Unavailable,
        boundary,
        crowding,
        growth,
        limit,
        material,
        mixture,
        sparse,
        swings,
    )
    from detectors.attribution import Decomposition, decompose
    from detectors.bins import CodedBins, HistogramBins, KernelBins
    from detectors.budget import Budget, poisson_lower_limit, poisson_upper_limit
    from detectors.calibration import Calibration, calibrate, simulate
    from detectors.comparison import Comparison, Judgement, Outcome, PairedComparison
    from detectors.counts import add_up, cells
    from detectors.dense import DenseEvidence
    from detectors.evidence import Evidence
    from detectors.level import Level, minimum_detectable, propose
    from detectors.marginals import FieldAuc, field_auc, rank_fields
    from detectors.near import RecentPrints
    from detectors.onset import Effect, Onset, effect, onset_of
    from detectors.rate import Hours, silence, volume
    from detectors.reading import DenseWatch, Reading, RecoupledWatch, State, Watch
    from detectors.recoupling import Recoupler, declared, seed_of, split_of
    from detectors.repetition import Campaign, NearDuplicates, Offenders, Repeats
    from detectors.river_drift import RiverDetector, adwin, named, tuned
    from detectors.slicewise import SliceJudgement, compare

_HOMES: Final[dict[str, str]] = {
    "alternatives": "Bank Unavailable boundary crowding growth limit material mixture sparse swings",
    "attribution": "Decomposition decompose",
    "bins": "CodedBins HistogramBins KernelBins",
    "budget": "Budget poisson_lower_limit poisson_upper_limit",
    "calibration": "Calibration calibrate simulate",
    "comparison": "Comparison Judgement Outcome PairedComparison",
    "counts": "add_up cells",
    "dense": "DenseEvidence",
    "evidence": "Evidence",
    "level": "Level minimum_detectable propose",
    "marginals": "FieldAuc field_auc rank_fields",
    "near": "RecentPrints",
    "onset": "Effect Onset effect onset_of",
    "rate": "Hours silence volume",
    "reading": "DenseWatch Reading RecoupledWatch State Watch",
    "recoupling": "Recoupler declared seed_of split_of",
    "repetition": "Campaign NearDuplicates Offenders Repeats",
    "river_drift": "RiverDetector adwin named tuned",
    "slicewise": "SliceJudgement compare",
}
"""Module -> its public names."""
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [*sorted(_HOME_OF)]  # noqa: PLE0604 - the names of _HOMES; a test pins them


def __getattr__(name: str) -> Any:
    """The name's module is imported when it is first asked for.

    Raises:
        AttributeError: the name is not public.
    """
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"detectors has no public name {name!r}; `detectors.__all__` lists them")
    value = getattr(importlib.import_module(f"detectors.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted({*globals(), *_HOME_OF})
