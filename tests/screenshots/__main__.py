"""Pictures of every page in light and dark, on desktop and phone, from a database that a real judge has filled.

python -m tests.screenshots /tmp/pictures
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.web.browser import DESKTOP, PHONE, chromium, logged_in
from tests.web.page_list import PAGES
from tests.web.site import place, tell

SHAPES = {"light-desktop": ("light", DESKTOP), "dark-phone": ("dark", PHONE)}


def name_of(address: str) -> str:
    """``/incidents/1`` -> ``incidents-1``."""
    return address.partition("?")[0].strip("/").replace("/", "-") or "now"


def main(folder: Path, *, whole: bool) -> int:
    """Write them; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "driftline.db"
        tell(database)
        with place(database) as site, chromium() as browser:
            site.stores.judge.acquire(holder="driftline-1", now_ms=site.clock.now_ms(), ttl_ms=3_600_000)
            for shape, (scheme, size) in SHAPES.items():
                with logged_in(browser, site, color_scheme=scheme, viewport=size) as context:
                    page = context.new_page()
                    for address in [*PAGES.values(), "/streams/2?range=1h"]:
                        page.goto(address)
                        page.screenshot(path=folder / f"{name_of(address)}-{shape}.png", full_page=whole)
                        count += 1
    return count


if __name__ == "__main__":
    where = Path(next((each for each in sys.argv[1:] if not each.startswith("-")), "screenshots"))
    print(f"{main(where, whole='--first-screen' not in sys.argv)} pictures in {where}")
