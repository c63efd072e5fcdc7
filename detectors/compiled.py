"""Kernels that numba compiles: kept on disk where they can be, compiled in memory where they cannot.

    @njit(cache=True, nogil=True)
    def total(values): ...

numba's own cache ends the program where its directory cannot be written (a read-only container, no home), where a
file in it is empty or cut (a full disk, a process killed while it wrote), and where there is no room left. Here, code
that cannot be read back is compiled again and written anew, and code that cannot be kept is used from memory. Code
that was compiled beside its source is used where nothing can be written, as in an image whose build compiled it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numba
from numba.core.caching import CacheImpl, CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

from detectors.compile_notices import notices

NOWHERE: Final = "there is no directory for it that can be written"
READ_ONLY: Final = "the directory beside its source can be read only"


class _Nowhere:
    """Place of compiled code that can be kept nowhere else."""

    @classmethod
    def from_function(cls, py_func: object, py_file: object) -> _Nowhere:
        return cls()

    def ensure_cache_path(self) -> None:
        raise OSError(NOWHERE)

    def get_cache_path(self) -> str:
        return ""

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return ""


class _ReadOnly(InTreeCacheLocator):  # type: ignore[misc]  # numba carries no types
    """Place of code that was compiled beside its source before the directory became read-only."""

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _ReadOnly | None:
        directory, module = Path(py_file).parent / "__pycache__", Path(py_file).stem
        line = py_func.__code__.co_firstlineno
        there = any(directory.glob(f"{module}.{py_func.__name__}-{line}.*.nbi"))
        return cls(py_func, py_file) if there else None

    def ensure_cache_path(self) -> None:
        raise OSError(READ_ONLY)


class _Impl(CompileResultCacheImpl):  # type: ignore[misc]  # numba carries no types
    _locator_classes: Final = [*CacheImpl._locator_classes, _ReadOnly, _Nowhere]


class _Cache(FunctionCache):  # type: ignore[misc]  # numba carries no types
    """One kernel's compiled forms; a look-up succeeds even if the files are damaged."""

    _impl_class = _Impl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if isinstance(self._impl.locator, _Nowhere):
            notices.not_kept(NOWHERE)
            return None
        found = None
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - unpickling what was cut or foreign raises anything
            with suppress(Exception):
                self.flush()  # an index that cannot be read would refuse the next entry, too
        if found is None:
            notices.compiling()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            notices.not_kept(error.strerror or str(error))
        except Exception as error:  # noqa: BLE001 - a damaged index; the code in memory is sound
            notices.not_kept(type(error).__name__)


def njit(*, cache: bool = False, **options: Any) -> Any:  # a kernel carries no types, as numba's own
    """``numba.njit`` with a cache that never stops the program; other options as numba's."""

    def compiled(function: Callable[..., Any]) -> Any:
        kernel: Any = numba.njit(**options)(function)
        if cache:
            kernel._cache = _Cache(function)
        return kernel

    return compiled
