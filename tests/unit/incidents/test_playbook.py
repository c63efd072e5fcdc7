"""Playbooks: one ships for each type, they name commands that exist, mistakes are reported, exports hold together."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from monitor.alerting.policy import AlertPolicy
from monitor.cli import main
from monitor.errors import SettingsError
from monitor.findings.model import IncidentType
from monitor.incidents.cacao import cacao
from monitor.incidents.playbook import SHIPPED, Action, Owner, all_playbooks
from tests.contract.test_docs import wrong_in_click
from tests.unit.alerting.record import PHRASES, Judge, page, sqlite_stores

BOOKS = all_playbooks()


def test_one_ships_for_each_type_under_its_name() -> None:
    assert set(BOOKS) == set(IncidentType)
    assert {file.stem for file in SHIPPED.glob("*.yaml")} == {each.value for each in IncidentType}


@pytest.mark.parametrize("kind", list(IncidentType))
def test_the_commands_that_a_playbook_names_exist(kind: IncidentType) -> None:
    for steps in BOOKS[kind].parts.values():
        for step in steps:
            if step.look_at.startswith("driftline "):
                words = shlex.split(step.look_at)
                assert wrong_in_click(main, words[1:]) is None, step.look_at


def test_every_type_but_the_benign_one_has_an_action_that_an_approver_takes_and_can_take_back() -> None:
    for kind, book in BOOKS.items():
        actions = [step for step in book.containment if step.action is not None]
        assert bool(actions) == (kind is not IncidentType.benign_shift)
        assert all(step.owner is Owner.approver and step.undo for step in actions)
    assert {step.action for book in BOOKS.values() for step in book.containment if step.action} == set(Action)


def own(folder: Path, **changes: object) -> Path:
    tree = yaml.safe_load((SHIPPED / "probing.yaml").read_text()) | changes
    (folder / "ours.yaml").write_text(yaml.safe_dump(tree))
    return folder


def test_a_playbook_of_ones_own_replaces_the_one_that_ships(tmp_path: Path) -> None:
    books = all_playbooks(own(tmp_path, version=7, incident_type="Ours."))
    assert books[IncidentType.probing].incident_type == "Ours."
    assert books[IncidentType.probing].reference.startswith("probing 7 ")
    assert books[IncidentType.fail_open] == BOOKS[IncidentType.fail_open]


def test_every_mistake_of_every_file_is_reported(tmp_path: Path) -> None:
    own(tmp_path, type="weather", version=0, containment=[], mood="bad")
    (tmp_path / "second.yaml").write_text("- no\n")
    (tmp_path / "third.yaml").write_text((SHIPPED / "fail_open.yaml").read_text().replace("undo", "und0"))
    with pytest.raises(SettingsError) as refused:
        all_playbooks(tmp_path)
    text = str(refused.value)
    for part in ("type", "version", "containment", "mood", "second.yaml", "third.yaml: containment"):
        assert part in text
    checked = CliRunner().invoke(main, ["playbooks", "check", "--folder", str(tmp_path)])
    assert checked.exit_code == 2


def test_an_action_without_a_way_back_is_refused(tmp_path: Path) -> None:
    step = {"do": "Tighten it", "action": "tighten_threshold"}
    with pytest.raises(SettingsError, match=r"containment\[0\]: an action needs undo"):
        all_playbooks(own(tmp_path, containment=[step]))
    with pytest.raises(SettingsError, match=r"triage\[0\]: an action belongs into containment"):
        all_playbooks(own(tmp_path, triage=[step | {"undo": "restore it"}]))


def test_show_prints_all_six_parts() -> None:
    shown = CliRunner().invoke(main, ["playbooks", "show", "probing"])
    for part in ("detection", "triage", "containment", "recovery", "communication", "switch off when"):
        assert f"\n{part}\n" in shown.output
    assert CliRunner().invoke(main, ["playbooks", "show", "weather"]).exit_code == 1


@pytest.mark.parametrize("kind", list(IncidentType))
def test_the_workflow_of_the_export_leads_from_start_to_end_through_every_step(kind: IncidentType) -> None:
    book = BOOKS[kind]
    document = cacao(book, created_ms=0)
    assert document["spec_version"] == "cacao-2.0"
    at, seen = document["workflow_start"], []
    while at is not None:
        seen.append(at)
        step = document["workflow"][at]
        assert step["type"] in ("start", "action", "end")
        assert step["type"] != "action" or step["agent"] in document["agent_definitions"]
        assert at.startswith(f"{step['type']}--")
        at = step.get("on_completion")
    assert len(seen) == len(set(seen)) == len(document["workflow"])
    assert len(seen) == 2 + sum(len(steps) for steps in book.parts.values()) + len(book.communication)
    assert cacao(book, created_ms=0) == document


UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ANY_ID = r"^[a-z][a-z0-9-]+[a-z0-9]--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def an_object(required: dict[str, object], optional: dict[str, object] | None = None) -> dict[str, object]:
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


TEXT, AN_ID = {"type": "string", "minLength": 1}, {"type": "string", "pattern": ANY_ID}
COMMAND = an_object({"type": {"const": "manual"}, "command": TEXT, "playbook_activity": TEXT})
ACTION = an_object(
    {
        "type": {"const": "action"},
        "name": TEXT,
        "on_completion": AN_ID,
        "commands": {"type": "array", "items": COMMAND, "minItems": 1},
        "agent": AN_ID,
    },
    {"description": TEXT},
)
CACAO = an_object(
    {
        "type": {"const": "playbook"},
        "spec_version": {"const": "cacao-2.0"},
        "id": AN_ID,
        "name": TEXT,
        "created_by": {"type": "string", "pattern": ANY_ID.replace("[a-z][a-z0-9-]+[a-z0-9]", "identity")},
        "created": {"type": "string", "pattern": TIME},
        "modified": {"type": "string", "pattern": TIME},
        "workflow_start": AN_ID,
        "workflow": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {
                f"^start--{UUID4}$": an_object({"type": {"const": "start"}, "on_completion": AN_ID}),
                f"^action--{UUID4}$": ACTION,
                f"^end--{UUID4}$": an_object({"type": {"const": "end"}}),
            },
        },
        "playbook_types": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
        "playbook_activities": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
    },
    {
        "description": TEXT,
        "revoked": {"type": "boolean"},
        "labels": {"type": "array", "items": TEXT, "minItems": 1},
        "agent_definitions": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "patternProperties": {
                ANY_ID.replace("[a-z][a-z0-9-]+[a-z0-9]", "individual"): an_object(
                    {"type": {"const": "individual"}, "name": TEXT}
                )
            },
        },
    },
)
"""What CACAO 2.0 (CS01) asks of the objects that we export, closed: nothing else may be in them. Steps have UUIDs of
version 4, the playbook may have one of version 5 (10.10); times have three digits of a second (3.1)."""


@pytest.mark.parametrize("kind", list(IncidentType))
def test_the_export_is_valid_cacao_2(kind: IncidentType) -> None:
    document = json.loads(json.dumps(cacao(BOOKS[kind], created_ms=0)))
    jsonschema.Draft202012Validator(CACAO).validate(document)
    steps = [step for step in document["workflow"].values() if step["type"] == "action"]
    done = {command["playbook_activity"] for step in steps for command in step["commands"]}
    assert set(document["playbook_activities"]) == done  # each activity is that of a step (3.1)
    ids = [one.partition("--")[2] for one in (*document["workflow"], *document["agent_definitions"], document["id"])]
    assert len(set(ids)) == len(ids)  # no two objects share a UUID (10.10)


def test_an_incident_keeps_the_playbook_of_its_moment() -> None:
    references = {kind.value: book.reference for kind, book in BOOKS.items()}
    with sqlite_stores() as stores:
        judge = Judge(stores, AlertPolicy(phrases=PHRASES, playbooks=references))
        judge.finds(page("f1"))
        (incident,) = judge.incidents()
        kind = incident.trouble.value if incident.trouble else "unclassified"
        assert judge.timeline(1)[0].data["playbook"] == references[kind]
