"""What handlers take: the stored state, numbers of things, places in lists."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Path, Query

from monitor.web.backend import Backend
from monitor.web.identity import backend_of

LARGEST: Final = 2**53 - 1
Stored = Annotated[Backend, Depends(backend_of)]
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST, description="Those with a smaller number.")]
After = Annotated[int, Query(ge=0, le=LARGEST, description="Those with a larger number.")]
Name = Annotated[str | None, Query(max_length=200)]
PAGE: Final = 50
"""Lines of a list."""
