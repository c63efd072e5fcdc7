"""Charts out of characters: block columns on a logarithmic scale, and a bar with a mark."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
SMALLEST_SHARE = 0.001  # bottom of the logarithmic scale; an event among 300 is .0033 and shows clearly


def log_heights(shares: Sequence[float]) -> list[float]:
    """Shares to heights in 0..1 on a logarithmic scale from `SMALLEST_SHARE` to 1; nothing stays 0."""
    decades = -math.log10(SMALLEST_SHARE)
    return [min(1.0, 1.0 + math.log10(share) / decades) if share > SMALLEST_SHARE else 0.0 for share in shares]


def block_rows(heights: Sequence[float], *, rows: int) -> list[str]:
    """Columns of these heights (0..1) as `rows` strings, the top row first; anything above 0 is visible."""
    eighths = [0 if height <= 0 else max(1, round(height * rows * 8)) for height in heights]
    return ["".join(EIGHTHS[min(8, max(0, count - 8 * row))] for count in eighths) for row in reversed(range(rows))]


def stretch(values: Sequence[float], *, width: int) -> list[float]:
    """Each value repeated over as many whole columns as fit into `width`.

    More values than columns are pooled by their maximum, so that a narrow peak stays visible.
    """
    if not values:
        return []
    if len(values) <= width:
        return [value for value in values for _ in range(width // len(values))]
    bounds = [i * len(values) // width for i in range(width + 1)]
    return [max(values[low:high]) for low, high in itertools.pairwise(bounds)]


def marked_bar(share: float, *, width: int, mark_at: float) -> tuple[str, str, str, str]:
    """A bar of `width` cells: (filled before the mark, empty before it, the mark, what lies beyond it).

    `share` is measured in units of the mark: 1.0 reaches it. The mark stands at the share `mark_at` of the width.
    """
    before = max(1, min(width - 1, round(width * mark_at)))
    beyond = width - before - 1
    reach = 0.0 if math.isnan(share) else min(max(share, 0.0), float(width))
    filled = min(width, int(reach * before))
    over = max(0, min(beyond, filled - before))
    head = min(before, filled)
    return "━" * head, "─" * (before - head), "┃", "━" * over + " " * (beyond - over)
