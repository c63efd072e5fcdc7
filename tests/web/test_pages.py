"""What holds of every page: headers, titles, tables beside drawings, forms that work without a script."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from monitor.access.model import Role
from monitor.web.headers import CSP
from tests.web.page_list import NOT_HTML, PAGES, routes
from tests.web.site import Place

EVENT_ATTRIBUTE = re.compile(r"^on[a-z]+$")


class Markup(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.text.setdefault(self._open[-1], []).append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def read(shown: Place) -> dict[str, tuple[dict[str, str], Markup, str]]:
    """Every page as an administrator sees it."""
    browser = shown.browser(Role.admin)
    found = {}
    for name, address in PAGES.items():
        answer = browser.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        found[name] = (dict(answer.headers), Markup(answer.text), answer.text)
    return found


def test_every_page_is_in_the_list() -> None:
    assert routes() == set(PAGES) | NOT_HTML


@pytest.mark.parametrize("name", PAGES)
def test_a_page_forbids_what_is_inline_and_has_none(name: str, read: dict) -> None:
    headers, markup, _ = read[name]
    assert headers["content-security-policy"] == CSP
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    for tag, attributes in markup.tags:
        assert "style" not in attributes, f"<{tag}> has a style"
        assert not [key for key in attributes if EVENT_ATTRIBUTE.match(key)], f"<{tag}> has an event handler"
        assert not any((value or "").startswith("javascript:") for value in attributes.values())
        assert tag != "style"
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_title_one_heading_and_headings_for_its_sections(name: str, read: dict) -> None:
    _, markup, _ = read[name]
    assert markup.all("html")[0]["lang"] == "en"
    assert markup.text["title"][0].endswith("- Driftline")
    assert len(markup.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in markup.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id stands twice"
    for section in markup.all("section"):
        assert section["aria-labelledby"] in ids
    for label in markup.all("label"):
        assert label.get("for") is None or label["for"] in ids


@pytest.mark.parametrize("name", PAGES)
def test_every_drawing_has_title_description_and_its_numbers(name: str, read: dict) -> None:
    _, markup, text = read[name]
    charts = [svg for svg in markup.all("svg") if svg.get("class") == "chart"]
    for chart in charts:
        for reference in (chart["aria-labelledby"] or "").split():
            assert f'id="{reference}"' in text
    assert text.count("<figure>") == len(charts) == text.count('<details class="data"><summary>Data table')
    assert len(markup.all("table")) >= len(charts)
    assert text.count("<table") == text.count("<caption"), "a table has no caption"


@pytest.mark.parametrize("name", PAGES)
def test_every_form_that_changes_something_posts_and_carries_the_sessions_secret(name: str, read: dict) -> None:
    _, _, text = read[name]
    for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
        if 'method="get"' in form:
            continue
        assert 'method="post"' in form
        assert "<button" in form
        if 'action="/login"' not in form:
            assert re.search(r'name="form" value="[0-9a-f]{64}"', form)


def test_a_page_without_a_login_leads_to_the_login_and_shows_nothing(shown: Place) -> None:
    stranger = shown.client()
    for name, address in PAGES.items():
        if name == "/login":
            continue
        answer = stranger.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "prompt-injection" not in answer.text


def test_metrics_and_health_need_no_login(shown: Place) -> None:
    stranger = shown.client()
    assert stranger.get("/healthz").json() == {"status": "ok", "checks": {}}
    assert stranger.get("/readyz").status_code == 200
    assert stranger.get("/metrics").headers["content-type"].startswith("text/plain")


def test_the_first_page_says_in_a_sentence_what_needs_somebody(shown: Place) -> None:
    text = shown.browser().get("/").text
    assert "1 incident needs you; every stream is watched; the newest counted event is 10 s old.</h1>" in text
    assert "INC-1" in text
    assert '<td class="alarm"' in text
    assert "nobody" in text


def test_an_incident_shows_what_since_when_how_sure_how_large_and_what_comes_next(shown: Place) -> None:
    text = shown.browser().get("/incidents/1").text
    for words in ("How large", "How sure", "Where", "instructions to ignore the rules", "probing"):
        assert words in text
    assert "2026-01-01 00:20 UTC" in text
    assert '<polyline class="curve"' in text
    assert '<rect class="band"' in text
    assert "Read the findings, the onset" in text or '<ol class="steps">' in text
    assert "The chain of" in text


def test_a_stream_shows_its_level_its_evidence_and_its_bins(shown: Place) -> None:
    browser = shown.browser()
    streams = browser.get("/api/v1/streams", params={"state": "watched"}).json()["items"]
    mine = next(one for one in streams if one["guardrail"] == "prompt-injection")
    text = browser.get(f"/streams/{mine['id']}", params={"range": "1h"}).text
    assert "against its threshold" in text
    assert 'class="bar before"' in text
    assert 'class="bar since"' in text
    assert "What it is held to" in text


def test_names_from_the_log_are_text_and_nothing_else(shown: Place) -> None:
    browser = shown.browser()
    text = browser.get("/incidents", params={"guardrail": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_page_that_is_not_there_says_so_in_words(shown: Place) -> None:
    browser = shown.browser()
    for path in ("/incidents/99", "/streams/4711", "/baselines/77", "/playbooks/nothing", "/nowhere"):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        assert 'role="alert"' in answer.text
    assert browser.get("/incidents/none").status_code == 422
    assert browser.delete("/incidents/1").status_code == 405
