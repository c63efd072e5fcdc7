"""The sync against Grafanas of both generations: nothing twice, nothing of others, nothing lost in silence."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import TryAgain
from monitor.grafana import names
from monitor.grafana.desired import Desired, desired
from monitor.grafana.sync.run import Action, Options, Step, sync
from monitor.grafana.sync.server import GrafanaRefused, Server
from monitor.settings.grafana import Grafana as GrafanaSettings
from tests.servers.grafana import NOTHING, TOKEN, Grafana, grafana

KEY = b"k" * 32
UNREADABLE = "driftline-unreadable-records"
RULE = "driftline-unreadable-records"


@pytest.fixture(params=[False, True], ids=["9.4", "13.3"])
def server(request: pytest.FixtureRequest) -> Iterator[Grafana]:
    with grafana(new=request.param) as running:
        yield running


@pytest.fixture
def old() -> Iterator[Grafana]:
    with grafana() as running:
        yield running


def settings(server: Grafana, tmp_path: Path, **changes: Any) -> GrafanaSettings:
    for name, secret in (("token", TOKEN), ("reader", "pa$$word"), ("hook", "hook-key")):
        (tmp_path / name).write_text(secret, encoding="utf-8")
    known: dict[str, Any] = {
        "url": server.url,
        "allow_http": True,
        "token_file": str(tmp_path / "token"),
        "prometheus_url": "http://prometheus:9090",
        "database": {"host": "postgres:5432", "sslmode": "require", "password_file": str(tmp_path / "reader")},
        "contact_point": {"url": "https://driftline.example/hooks", "secret_file": str(tmp_path / "hook")},
    }
    return GrafanaSettings.model_validate(known | changes)


@pytest.fixture
def wish(server: Grafana, tmp_path: Path) -> Desired:
    return desired(settings(server, tmp_path), {})


def run(server: Grafana, wish: Desired, *, key: bytes = KEY, **options: bool) -> list[Step]:
    return list(sync(Server(server.url, TOKEN, timeout_s=5), wish, Options(**options), key=key))


def by_action(steps: list[Step]) -> dict[Action, set[str]]:
    found: dict[Action, set[str]] = {}
    for step in steps:
        found.setdefault(step.action, set()).add(step.uid)
    return found


def everything(wish: Desired) -> set[str]:
    parts = (wish.folders, wish.data_sources, wish.dashboards, wish.rules, wish.contact_points, wish.routes)
    return {uid for part in parts for uid in part}


def step_of(steps: list[Step], uid: str) -> Step:
    (found,) = [step for step in steps if step.uid == uid]
    return found


def stored_rule(server: Grafana, uid: str) -> dict[str, Any]:
    """The rule as it lies there, to be changed as a person would."""
    found: dict[str, Any] = server.objects["alertrules", uid]["spec"] if server.new else server.rules[uid]
    return found


def test_the_first_sync_makes_everything_and_the_second_changes_nothing(server: Grafana, wish: Desired) -> None:
    assert by_action(run(server, wish)) == {Action.created: everything(wish)}
    state = copy.deepcopy(server)
    server.writes.clear()
    assert by_action(run(server, wish)) == {Action.unchanged: everything(wish)}
    assert server.writes == []
    assert server.boards == state.boards


def test_a_dry_run_says_the_same_and_writes_nothing(server: Grafana, wish: Desired) -> None:
    assert by_action(run(server, wish, dry_run=True)) == {Action.created: everything(wish)}
    assert server.writes == []
    assert server.boards == {}


def test_secrets_reach_the_server_and_come_back_in_no_report(server: Grafana, wish: Desired) -> None:
    steps = run(server, wish)
    assert server.secure[names.POSTGRESQL] == {"password": "pa$$word"}
    hooks = str(server.objects if server.new else server.points)
    assert "hook-key" in hooks
    assert "pa$$word" not in str(steps) + str(server.sources)
    assert "hook-key" not in str(steps)


def test_a_new_password_is_written_although_no_server_shows_it(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    other = dataclasses.replace(wish, secrets={names.POSTGRESQL: {"password": "new"}})
    assert names.POSTGRESQL in by_action(run(server, other))[Action.updated]
    assert server.secure[names.POSTGRESQL] == {"password": "new"}


def test_what_9_4_cannot_hold_is_reported_each_time_and_not_written_again(old: Grafana, tmp_path: Path) -> None:
    wish = desired(settings(old, tmp_path), {})
    first = step_of(run(old, wish), RULE)
    assert [(one.field, one.wanted, one.found) for one in first.not_held] == [("keep_firing_for", "10m", "(absent)")]
    old.writes.clear()
    again = step_of(run(old, wish), RULE)
    assert again.action is Action.unchanged
    assert [one.field for one in again.not_held] == ["keep_firing_for"]
    assert old.writes == []


def test_9_4_locks_the_policy_for_people_and_that_is_said(old: Grafana, tmp_path: Path) -> None:
    wish = desired(settings(old, tmp_path), {})
    for action in (Action.created, Action.unchanged):
        step = step_of(run(old, wish), names.CONTACT_POINT)
        assert step.action is action
        assert [(one.field, one.found) for one in step.not_held] == [("provenance", "api")]


def test_13_3_holds_everything_but_the_group_of_a_rule(tmp_path: Path) -> None:
    with grafana(new=True) as server:
        wish = desired(settings(server, tmp_path), {})
        first, second = run(server, wish), run(server, wish)
        lost = {step.uid: [one.field for one in step.not_held] for step in first if step.not_held}
        assert lost == {uid: ["ruleGroup"] for uid in wish.rules}
        assert by_action(second) == {Action.unchanged: everything(wish)}


def test_a_rule_that_is_in_a_group_from_before_13_3_stays_in_it(tmp_path: Path) -> None:
    with grafana(new=True) as server:
        wish = desired(settings(server, tmp_path), {})
        run(server, wish)
        labels = {"grafana.com/group": "driftline", "grafana.com/group-index": "1"}
        server.objects["alertrules", RULE]["metadata"]["labels"] = dict(labels)
        assert step_of(run(server, wish), RULE) == Step("alert rule", RULE, Action.unchanged)
        server.objects["alertrules", RULE]["spec"]["for"] = "7m0s"
        assert step_of(run(server, wish, overwrite=True), RULE).action is Action.updated
        assert server.objects["alertrules", RULE]["metadata"]["labels"] == labels


def test_what_a_person_changed_stays_until_told_otherwise(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    stored_rule(server, RULE)["for"] = "7m"
    server.boards[names.FLEET]["dashboard"]["panels"][0]["title"] = "Mine"
    server.sources[names.PROMETHEUS]["url"] = "http://other:9090"
    changed = {RULE, names.FLEET, names.PROMETHEUS}
    for _ in range(2):
        steps = run(server, wish)
        assert by_action(steps) == {Action.unchanged: everything(wish) - changed, Action.kept: changed}
    (difference,) = step_of(steps, names.FLEET).changes
    assert (difference.field, difference.found) == ("panels[0].title", "Mine")
    assert by_action(run(server, wish, overwrite=True))[Action.updated] == changed
    assert stored_rule(server, RULE)["for"] in ("5m", "5m0s")
    assert by_action(run(server, wish)) == {Action.unchanged: everything(wish)}


def test_a_new_wish_is_written_where_no_person_has_been(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    rules = copy.deepcopy(dict(wish.rules))
    rules[RULE]["annotations"]["summary"] = "another sentence"
    (step,) = [one for one in run(server, dataclasses.replace(wish, rules=rules)) if one.action is Action.updated]
    assert [one.field for one in step.changes if not one.absent] == ["annotations.summary"]
    assert stored_rule(server, RULE)["annotations"]["summary"] == "another sentence"


def test_a_folder_and_a_route_that_a_person_changed_stay_so(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    server.folders[names.FOLDER]["title"] = "Guardrails"
    tree = server.objects["routingtrees", "user-defined"]["spec"] if server.new else server.policy
    tree["routes"][0]["group_by"] = ["severity"]
    kept = by_action(run(server, wish))[Action.kept]
    assert kept == {names.FOLDER, names.CONTACT_POINT}
    run(server, wish, overwrite=True)
    assert server.folders[names.FOLDER]["title"] == names.FOLDER_TITLE


def test_only_what_we_made_is_removed(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    theirs = {"dashboard": {"uid": "theirs", "tags": [names.TAG], "templating": {"list": []}}, "meta": {}}
    server.boards["theirs"] = theirs
    server.sources["theirs"] = {"uid": "theirs", "name": "theirs", "type": "loki", "jsonData": {}}
    nothing = Desired({}, {}, {}, {}, {}, {}, {})
    steps = run(server, nothing)
    assert by_action(steps) == {Action.removed: everything(wish) - {names.FOLDER}}
    assert set(server.boards) == set(server.sources) == {"theirs"}
    assert names.FOLDER in server.folders
    assert run(server, nothing) == []


def test_what_a_person_changed_is_not_removed(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    stored_rule(server, RULE)["for"] = "7m"
    fewer = dataclasses.replace(wish, rules={uid: one for uid, one in wish.rules.items() if uid != RULE})
    assert step_of(run(server, fewer), RULE).action is Action.kept
    assert step_of(run(server, fewer, overwrite=True), RULE).action is Action.removed


def test_the_rest_of_the_policy_is_as_it_was(server: Grafana, wish: Desired) -> None:
    tree = server.objects["routingtrees", "user-defined"]["spec"] if server.new else server.policy
    theirs = {"receiver": "grafana-default-email", "group_by": ["team"]}
    tree["routes"] = [copy.deepcopy(theirs)]
    run(server, wish)
    tree = server.objects["routingtrees", "user-defined"]["spec"] if server.new else server.policy
    assert tree["routes"][1:] == [theirs]
    assert tree["routes"][0]["receiver"] == names.CONTACT_POINT


def test_a_rule_of_file_provisioning_is_reported_as_such(server: Grafana, wish: Desired) -> None:
    run(server, wish)
    if server.new:
        server.objects["alertrules", RULE]["metadata"]["annotations"]["grafana.com/provenance"] = "file"
    else:
        server.rules[RULE]["provenance"] = "file"
    stored_rule(server, RULE)["for"] = "7m"
    step = step_of(run(server, wish, overwrite=True), RULE)
    assert step.action is Action.not_ours
    assert "file provisioning" in step.why


def test_a_refusal_that_names_the_provenance_is_told_apart_from_trouble(old: Grafana, tmp_path: Path) -> None:
    """A real 9.4 answers 500 to such a PUT, and 500 would mean: try again."""
    wish = desired(settings(old, tmp_path), {})
    old.fail["/api/v1/provisioning/alert-rules/"] = (
        500,
        {"message": "cannot changed provenance from 'file' to 'api'"},
    )
    run(old, wish)
    old.rules[RULE]["for"] = "7m"
    step = step_of(run(old, wish, overwrite=True), RULE)
    assert step.action is Action.not_ours


def test_one_refusal_does_not_stop_the_rest(server: Grafana, wish: Desired) -> None:
    server.fail["/api/dashboards/db"] = (400, {"message": "no"})
    steps = by_action(run(server, wish))
    assert steps[Action.refused] == set(wish.dashboards)
    assert steps[Action.created] == everything(wish) - set(wish.dashboards)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ((401, {"message": "Invalid API key"}), GrafanaRefused, "role Admin"),
        ((403, {"message": "no"}), GrafanaRefused, "role Admin"),
        ((503, {"message": "starting"}), TryAgain, "starting"),
        ((429, {"message": "slowly"}), TryAgain, "slowly"),
        ((502, b"<html><p class=message>bad gateway</p>"), TryAgain, "bad gateway"),
        ((400, ["message"]), GrafanaRefused, "message"),
        ((401, NOTHING), GrafanaRefused, "role Admin"),
        ((200, b"<html>login"), GrafanaRefused, "is this Grafana"),
        ((200, {"status": "ok"}), GrafanaRefused, "not that of a Grafana"),
        ((204, NOTHING), GrafanaRefused, "not that of a Grafana"),
    ],
)
def test_a_server_that_is_not_right_ends_the_sync_with_a_sentence(
    old: Grafana, tmp_path: Path, reply: tuple[int, Any], error: type[Exception], words: str
) -> None:
    old.fail["/api/health"] = reply
    wish = desired(settings(old, tmp_path), {})
    with pytest.raises(error, match=words) as failure:
        run(old, wish)
    assert TOKEN not in str(failure.value)


def test_a_page_of_html_for_a_path_that_it_does_not_know_means_that_it_is_old(old: Grafana, tmp_path: Path) -> None:
    old.fail["/apis"] = (404, b"<html><p class=message>Page not found</p>")
    wish = desired(settings(old, tmp_path), {})
    assert by_action(run(old, wish)) == {Action.created: everything(wish)}
    assert old.rules


def test_a_closed_port_is_trouble_that_passes(tmp_path: Path) -> None:
    with grafana() as gone:
        wish = desired(settings(gone, tmp_path), {})
    with pytest.raises(TryAgain, match=r"127\.0\.0\.1"):
        run(gone, wish)
