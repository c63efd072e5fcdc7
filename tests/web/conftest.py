"""One filled database for all tests of pages and API; each that changes something copies it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.site import Place, copy_of, place, tell


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the story."""
    file = tmp_path_factory.mktemp("told") / "driftline.db"
    tell(file)
    return file


@pytest.fixture(scope="module")
def shown(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A site that tests only read."""
    with place(copy_of(told, tmp_path_factory.mktemp("shown"))) as built:
        yield built


@pytest.fixture
def own(told: Path, tmp_path: Path) -> Iterator[Place]:
    """A site of the test's own."""
    with place(copy_of(told, tmp_path)) as built:
        yield built
