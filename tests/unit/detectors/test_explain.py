import numpy as np
import pytest

from detectors.explain import explain

NAMES = ("length", "language", "score")


def events(rng, n, *, long=0.0, language=0.1):
    return np.stack((rng.normal(100 + long, 20, n), rng.random(n) < language, rng.beta(0.5, 3, n)), axis=1)


def test_the_field_that_changed_is_named_first():
    rng = np.random.default_rng(0)
    found = explain(events(rng, 1500), events(rng, 1500, language=0.5), NAMES)
    assert found is not None
    assert found.fields[0].name == "language"
    assert found.fields[0].after > found.fields[0].before + 0.3
    assert "score" not in {field.name for field in found.fields}
    assert found.auc > 0.6


def test_it_is_silent_when_it_cannot_tell():
    rng = np.random.default_rng(1)
    found = [explain(events(rng, 300), events(rng, 300), NAMES, seed=seed) for seed in range(6)]
    assert sum(f is not None for f in found) == 0


def test_it_is_silent_about_a_handful_of_events():
    rng = np.random.default_rng(2)
    assert explain(events(rng, 50), events(rng, 1000, long=100), NAMES) is None


def test_missing_fields_are_no_error():
    rng = np.random.default_rng(3)
    after = events(rng, 400)
    after[:, 0] = np.nan
    found = explain(events(rng, 400), after, NAMES)
    assert found is not None
    assert found.fields[0].name == "length"


def test_a_matrix_needs_a_name_per_field():
    with pytest.raises(ValueError, match="events must be"):
        explain(np.zeros((10, 2)), np.zeros((10, 2)), NAMES)
