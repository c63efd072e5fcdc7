"""Compiled kernels: whatever happens to the files that they are kept in, the answer is the same."""

from __future__ import annotations

import errno
import importlib.util
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from numba import config
from numba.core.caching import IndexDataCacheFile

from detectors import compiled
from detectors.compile_notices import Notices

KERNEL = """
from detectors.compiled import njit

@njit(cache=True, nogil=True)
def double(value):
    return 2 * value
"""
_numbers = count()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    sentences: list[str] = []
    fresh = Notices()
    fresh.report = sentences.append
    monkeypatch.setattr(compiled, "notices", fresh)
    return sentences


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled code is kept."""
    directory = tmp_path / "cache"
    monkeypatch.setattr(config, "CACHE_DIR", str(directory))
    return directory


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], Any]:
    """A new process's kernel: the module loaded anew, nothing compiled in memory."""
    (tmp_path / "kernel.py").write_text(KERNEL)

    def fresh() -> Any:
        name = f"kernel_{next(_numbers)}"
        spec = importlib.util.spec_from_file_location(name, tmp_path / "kernel.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module.double

    return fresh


def hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def test_what_was_compiled_once_is_read_back(load: Callable[[], Any], kept: Path, told: list[str]) -> None:
    assert load()(3) == 6
    assert len(told) == 1
    again = load()
    assert again(3) == 6
    assert hits(again) == 1
    assert len(told) == 1


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("length", [0, 20, 60])
def test_a_damaged_file_is_compiled_again_and_written_anew(
    load: Callable[[], Any], kept: Path, told: list[str], ending: str, length: int
) -> None:
    load()(3)
    [file] = kept.rglob(f"*.{ending}")
    file.write_bytes(file.read_bytes()[:length])
    damaged = load()
    assert damaged(3) == 6
    assert hits(damaged) == 0
    mended = load()
    assert mended(3) == 6
    assert hits(mended) == 1


def test_a_full_disk_is_told_of_once_and_the_code_used_from_memory(
    load: Callable[[], Any], kept: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", full)
    assert load()(3) == 6
    assert load()(4.0) == 8.0
    [compiling, not_kept] = told
    assert "about a minute" in compiling
    assert "No space left on device" in not_kept
    assert "NUMBA_CACHE_DIR" in not_kept


def test_with_nowhere_to_write_code_is_compiled_in_memory_with_one_warning(
    load: Callable[[], Any], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled._Impl, "_locator_classes", [compiled._Nowhere])
    assert load()(3) == 6
    assert load()(3) == 6
    [warning] = told
    assert "no directory for it that can be written" in warning


def test_what_was_compiled_beside_its_source_is_used_where_nothing_can_be_written(
    load: Callable[[], Any], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container with a read-only root, whose build compiled the kernels."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    assert load()(3) == 6
    assert len(told) == 1
    monkeypatch.setattr(compiled._Impl, "_locator_classes", [compiled._ReadOnly, compiled._Nowhere])
    again = load()
    assert again(3) == 6
    assert hits(again) == 1
    assert len(told) == 1
    assert again(3.5) == 7.0  # a form that the build did not compile: from memory
