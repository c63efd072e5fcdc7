"""Playbooks as CACAO 2.0 (OASIS CS01, 2023), for tools that run or show such.

Steps of people become manual commands; a step that changes something outside becomes one too, with its action and
undo in the description, because it needs a person's approval here. Messages are steps as well. Identifiers are
derived from the content, so that the same playbook is exported the same; those of steps have the form of version 4,
which the standard demands of them (section 10.10).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from monitor.incidents.playbook import Action, Owner, Playbook, PlaybookStep
from monitor.incidents.words import rfc3339

NAMESPACE: Final = uuid.UUID("8a8b0a5c-6f0e-5d7e-9b53-2f5f0b6f8f11")
PART_TYPES: Final = {
    "detection": "detection",
    "triage": "investigation",
    "containment": "mitigation",
    "recovery": "remediation",
    "communication": "notification",
}
"""Part -> playbook type of the standard's vocabulary (section 3.1.1)."""
ACTIVITIES: Final = {
    "detection": "analyze-collected-data",
    "triage": "identify-indicators",
    "containment": "eliminate-risk",
    "recovery": "restore-capabilities",
    "communication": "deliver-content",
}
"""Part -> activity of its steps (section 3.1.2), but for :data:`ACTION_ACTIVITIES`."""
ACTION_ACTIVITIES: Final = {
    Action.tighten_threshold: "configure-systems",
    Action.stricter_policy: "configure-systems",
    Action.roll_back_model: "revert-system",
    Action.roll_back_guardrail: "revert-system",
    Action.limit_rate: "restrict-access",
    Action.fail_closed: "restrict-access",
}
LONGEST_NAME: Final = 250


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of the workflow, from a playbook's step or message."""

    name: str
    command: str
    description: str
    owner: Owner
    activity: str


def cacao(book: Playbook, *, created_ms: int) -> dict[str, Any]:
    """The playbook as a CACAO 2.0 document; its times are when the export's version was made."""
    steps = list(_steps(book))
    ids = [_id("action", book, number) for number in range(len(steps))]
    start, end = _id("start", book, 0), _id("end", book, 0)
    workflow: dict[str, Any] = {start: {"type": "start", "on_completion": ids[0]}}
    agents: dict[str, Any] = {}
    for number, step in enumerate(steps):
        agent = f"individual--{uuid.uuid5(NAMESPACE, step.owner.value)}"
        agents[agent] = {"type": "individual", "name": step.owner.value}
        following = ids[number + 1] if number + 1 < len(ids) else end
        workflow[ids[number]] = _action(step, agent=agent, following=following)
    workflow[end] = {"type": "end"}
    creator = f"identity--{uuid.uuid5(NAMESPACE, 'driftline')}"
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": f"playbook--{uuid.uuid5(NAMESPACE, book.digest)}",
        "name": f"Guardrail incident: {book.type.value.replace('_', ' ')}",
        "description": f"{book.incident_type} Switch off when: {'; '.join(book.deactivate)}.",
        "playbook_types": list(PART_TYPES.values()),
        "playbook_activities": sorted({step.activity for step in steps}),
        "created_by": creator,
        "created": rfc3339(created_ms),
        "modified": rfc3339(created_ms),
        "revoked": False,
        "labels": ["driftline", book.type.value, f"version-{book.version}"],
        "workflow_start": start,
        "workflow": workflow,
        "agent_definitions": agents,
    }


def _steps(book: Playbook) -> Iterator[_Step]:
    for part, steps in book.parts.items():
        for step in steps:
            activity = ACTIVITIES[part] if step.action is None else ACTION_ACTIVITIES[step.action]
            yield _Step(f"{part}: {step.do}", step.do, _details(step), step.owner, activity)
    for message in book.communication:
        yield _Step(
            name=f"communication: {message.who}",
            command=message.template,
            description=f"to {message.who}, within {message.by}",
            owner=Owner.communications,
            activity=ACTIVITIES["communication"],
        )


def _details(step: PlaybookStep) -> str:
    action = f"action {step.action.value}, undo: {step.undo}" if step.action else ""
    return "; ".join(each for each in (step.look_at, action) if each)


def _action(step: _Step, *, agent: str, following: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "action",
        "name": step.name[:LONGEST_NAME],
        "on_completion": following,
        "commands": [{"type": "manual", "command": step.command, "playbook_activity": step.activity}],
        "agent": agent,
    }
    return found | ({"description": step.description} if step.description else {})


def _id(kind: str, book: Playbook, number: int) -> str:
    digest = hashlib.sha256(f"{book.digest}/{kind}/{number}".encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"
