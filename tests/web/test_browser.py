"""The pages in a real browser: the main journeys, at 360 px, with scripts off; accessibility; what is live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from monitor.access.model import Role
from tests.web.browser import DESKTOP, PHONE, chromium, logged_in
from tests.web.page_list import PAGES
from tests.web.site import Place

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SHAPES = [("light", DESKTOP), ("dark", PHONE), ("dark", DESKTOP), ("light", PHONE)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def decide(page: Page, act: str, **fields: str) -> None:
    """Open the form of an act, fill it in and send it."""
    form = page.locator(f"#do-{act}")
    form.locator("summary").click()
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.locator("button").click()
    page.locator(".box.good").wait_for()


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(PHONE, False), pytest.param(DESKTOP, True, marks=pytest.mark.slow)],
    ids=["phone without scripts", "desktop"],
)
def test_from_the_first_page_to_a_closed_report(browser: Browser, own: Place, size: dict, scripts: bool) -> None:
    options = {"viewport": size, "java_script_enabled": scripts}
    with logged_in(browser, own, role=Role.responder, **options) as context:
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_contain_text("1 incident needs you")
        page.get_by_role("link", name="INC-1").click()
        page.get_by_role("button", name="Acknowledge").first.click()
        expect(page.locator(".box.good")).to_have_text("INC-1 acknowledged.")
        decide(page, "triage", verdict="true_positive", text="seen in the log")
        decide(page, "phase", phase="containment", text="the address is limited")
        decide(page, "resolve", text="the prober was blocked")
        decide(page, "close", text="limit new addresses earlier")
        expect(page.locator(".head .badge.closed")).to_have_text("closed")
        page.get_by_role("link", name="Report in Markdown").click()
        expect(page.locator("body")).to_contain_text("limit new addresses earlier")
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Nothing needs you")


def test_on_a_phone_the_first_screen_holds_all_up_to_where_and_the_buttons(browser: Browser, shown: Place) -> None:
    with logged_in(browser, shown, viewport=PHONE) as context:
        page = context.new_page()
        page.goto("/incidents/1")
        for found in (
            page.get_by_role("button", name="Acknowledge").first,
            page.get_by_role("link", name="Escalate"),
            page.locator("dt", has_text="Where"),
        ):
            box = found.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= PHONE["height"]


def test_what_somebody_else_does_shows_without_a_click(browser: Browser, own: Place) -> None:
    with logged_in(browser, own, role=Role.viewer, viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/incidents/1")
        expect(page.locator("#live")).to_have_text("Live.")
        own.bot(Role.responder, name="kim").post("/api/v1/incidents/1/acknowledge", json={}).raise_for_status()
        expect(page.locator(".head")).to_contain_text("kim", timeout=15_000)


@pytest.mark.slow
def test_nobody_who_writes_is_interrupted(browser: Browser, own: Place) -> None:
    with logged_in(browser, own, role=Role.responder, viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/incidents/1#do-note")
        page.locator("#do-note textarea").fill("half a sentence")
        own.bot(Role.responder, name="kim").post("/api/v1/incidents/1/acknowledge", json={}).raise_for_status()
        page.wait_for_timeout(2_500)
        expect(page.locator("#do-note textarea")).to_have_value("half a sentence")


def faults(browser: Browser, place: Place, scheme: str, size: dict, addresses: list[str]) -> list[str]:
    """Violations of accessibility, pages that are too wide, and whatever the console says."""
    axe, found = Axe(), list[str]()
    with logged_in(browser, place, color_scheme=scheme, viewport=size) as context:
        page = context.new_page()
        page.on("console", lambda message: found.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
        for address in addresses:
            page.goto(address)
            for one in axe.run(page, options=RULES).response["violations"]:
                node = one["nodes"][0]
                found.append(f"{address}: {one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}")
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                found.append(f"{address}: {width} px wide in {size['width']}")
    return found


def test_the_pages_of_the_night_are_accessible_fit_and_report_no_violation(browser: Browser, shown: Place) -> None:
    wrong = faults(browser, shown, *SHAPES[0], ["/", "/streams/1"])
    wrong += faults(browser, shown, *SHAPES[1], ["/incidents/1", "/silences"])
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "size"), SHAPES, ids=[f"{scheme} {size['width']} px" for scheme, size in SHAPES])
def test_every_page_is_accessible_fits_and_reports_no_violation_in_every_shape(
    browser: Browser, shown: Place, scheme: str, size: dict
) -> None:
    assert faults(browser, shown, scheme, size, list(PAGES.values())) == []
