"""Arrays without a reference count, for the inner functions of compiled code.

numba counts references to an array's memory on every call between compiled functions, with an atomic addition each
time; over a record with 17 fields that is three times the work of reading it. A borrowed array has no counter: it is
only valid while the array it was borrowed from is alive. Borrow arguments of the outermost function and nothing else:
their owner is the Python caller, while a local array may be freed right after its last use, which is the borrowing.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def borrow(typing_context: Any, array: types.Array) -> Any:
    """The same array, its shape, type and data, without its reference count."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        borrowed = context.make_array(signature.return_type)(context, builder, arguments[0])
        borrowed.meminfo = cgutils.get_null_value(borrowed.meminfo.type)
        return borrowed._getvalue()

    return array(array), generate
