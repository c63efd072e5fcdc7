"""Field allowlists: of a vendor's record only what is listed is ever looked at; the rest is taken away first.

Vendors' logs carry prompts, matched personal data and even bearer tokens beside the verdict. A list of what to drop
would miss tomorrow's field, so there is only a list of what to keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from monitor.events.reasons import Reason, Rejection

VALUE: Final = ...
"""In an allowlist: a string, a number, true or false."""
EVERYTHING: Final = "everything"
"""In an allowlist: any value. Only for mappings, whose expressions are the allowlist."""
ANY_KEY: Final = "*"
"""In an allowlist: every key that is not listed itself."""
_SCALARS: Final = (str, int, float)  # a bool is an int; a union would be built anew at every call
MAX_KEYS: Final = 1_024
MAX_ITEMS: Final = 16_384

Keep = Any
"""An allowlist: :data:`VALUE`, ``{key: Keep}``, ``[Keep]`` for an array (a single value counts as one of one), or a
pair ``({key: Keep}, Keep)`` where an object may stand in place of something else."""


def allowed(record: Any, keep: Keep) -> Any:  # noqa: PLR0911 - one line per kind
    """The part of a record that the allowlist keeps; None where its kind is another.

    Raises:
        Rejection: an array or object of listed things is too large.
    """
    if isinstance(keep, tuple):
        keep = keep[0] if isinstance(record, dict) else keep[1]
    if keep is EVERYTHING:
        return record
    if keep is VALUE:
        return record if isinstance(record, _SCALARS) else None
    if isinstance(keep, list):
        if record is None:
            return None
        items = record if isinstance(record, list) else [record]
        if len(items) > MAX_ITEMS:
            raise Rejection(Reason.out_of_range, f"an array of {len(items)}; at most {MAX_ITEMS} are read")
        return [kept for item in items if (kept := allowed(item, keep[0])) is not None]
    if not isinstance(record, dict):
        return None
    if ANY_KEY not in keep:
        return {key: _kept(record[key], below) for key, below in keep.items() if key in record}
    if len(record) > MAX_KEYS:
        raise Rejection(Reason.out_of_range, f"an object of {len(record)} keys; at most {MAX_KEYS} are read")
    other = keep[ANY_KEY]
    return {key: _kept(value, keep.get(key, other)) for key, value in record.items()}


def _kept(value: Any, keep: Keep) -> Any:
    """The same, with the commonest case first: a wanted value that is one."""
    return value if keep is VALUE and isinstance(value, _SCALARS) else allowed(value, keep)


def leaves(record: Any, keep: Keep, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every value of a record by its path, and whether the allowlist keeps it; array places as ``[]``."""
    if isinstance(keep, tuple):
        keep = keep[0] if isinstance(record, dict) else keep[1]
    if isinstance(record, dict):
        for key, value in record.items():
            yield from leaves(value, _below(keep, key), f"{path}.{key}" if path else key)
    elif isinstance(record, list):
        inner = keep[0] if isinstance(keep, list) else keep if keep is EVERYTHING else None
        for value in record:
            yield from leaves(value, inner, f"{path}[]")
    else:
        yield path, (keep[0] if isinstance(keep, list) else keep) in (VALUE, EVERYTHING)


def _below(keep: Keep, key: str) -> Keep:
    """The allowlist of one key; None if it is not listed. An object may stand for an array of one object."""
    inner = keep[0] if isinstance(keep, list) else keep
    if inner is EVERYTHING:
        return EVERYTHING
    return inner.get(key, inner.get(ANY_KEY)) if isinstance(inner, dict) else None


def listed(keep: Keep, path: str = "") -> Iterator[str]:
    """The paths of an allowlist, for people."""
    if isinstance(keep, tuple):
        for one in keep:
            yield from listed(one, path)
    elif isinstance(keep, dict):
        for key, below in keep.items():
            yield from listed(below, f"{path}.{key}" if path else key)
    elif isinstance(keep, list):
        yield from listed(keep[0], f"{path}[]")
    else:
        yield path
