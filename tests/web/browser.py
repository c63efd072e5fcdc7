"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from monitor.access.model import Role
from tests.web.site import Place

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
MISSING = "Chromium is missing (it shows the pages to the tests): apt-get install chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows.

    Raises:
        RuntimeError: this machine has none; says what to install.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        # Containers have neither user namespaces nor a large /dev/shm.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def logged_in(browser: Browser, place: Place, *, role: Role = Role.admin, **options: Any) -> Iterator[BrowserContext]:
    """A context of the browser that has used a login link up."""
    context = browser.new_context(base_url=place.address, **options)
    try:
        page = context.new_page()
        page.goto(f"/login?code={place.link(role)}")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", level=1).wait_for()
        page.close()
        yield context
    finally:
        context.close()
