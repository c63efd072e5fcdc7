"""Playbooks as CACAO 2.0 (OASIS CS01, 2023), for tools that run or show such.

Steps of people become manual commands; a step that changes something outside becomes one too, with its action and
undo in the description, because it needs a person's approval here. Identifiers are derived from the content (UUID
version 5), so that the same playbook is exported the same.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from monitor.incidents.playbook import Playbook, PlaybookStep
from monitor.incidents.words import rfc3339

NAMESPACE: Final = uuid.UUID("8a8b0a5c-6f0e-5d7e-9b53-2f5f0b6f8f11")
TYPES: Final = {
    "detection": "detection",
    "triage": "investigation",
    "containment": "mitigation",
    "recovery": "remediation",
}
"""Part -> playbook type of CACAO's vocabulary."""


def cacao(book: Playbook, *, created_ms: int) -> dict[str, Any]:
    """The playbook as a CACAO 2.0 document; its times are when the export's version was made."""
    steps = [(part, step) for part, those in book.parts.items() for step in those]
    ids = [_id("action", book, number) for number in range(len(steps))]
    start, end = _id("start", book, 0), _id("end", book, 0)
    workflow: dict[str, Any] = {start: {"type": "start", "on_completion": ids[0]}}
    agents: dict[str, Any] = {}
    for number, (part, step) in enumerate(steps):
        agent = f"individual--{uuid.uuid5(NAMESPACE, step.owner.value)}"
        agents[agent] = {"type": "individual", "name": step.owner.value}
        following = ids[number + 1] if number + 1 < len(ids) else end
        workflow[ids[number]] = _action(part, step, agent=agent, following=following)
    workflow[end] = {"type": "end"}
    creator = f"identity--{uuid.uuid5(NAMESPACE, 'driftline')}"
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": f"playbook--{uuid.uuid5(NAMESPACE, book.digest)}",
        "name": f"Guardrail incident: {book.type.value.replace('_', ' ')}",
        "description": f"{book.incident_type} Switch off when: {'; '.join(book.deactivate)}.",
        "playbook_types": [*TYPES.values(), "notification"],
        "created_by": creator,
        "created": rfc3339(created_ms),
        "modified": rfc3339(created_ms),
        "revoked": False,
        "labels": ["driftline", book.type.value, f"version-{book.version}"],
        "workflow_start": start,
        "workflow": workflow,
        "agent_definitions": agents,
    }


def _action(part: str, step: PlaybookStep, *, agent: str, following: str) -> dict[str, Any]:
    parts = [step.look_at, f"action {step.action.value}, undo: {step.undo}" if step.action else ""]
    found: dict[str, Any] = {
        "type": "action",
        "name": f"{part}: {step.do}"[:250],
        "on_completion": following,
        "commands": [{"type": "manual", "command": step.do}],
        "agent": agent,
    }
    description = "; ".join(each for each in parts if each)
    return found | ({"description": description} if description else {})


def _id(kind: str, book: Playbook, number: int) -> str:
    return f"{kind}--{uuid.uuid5(NAMESPACE, f'{book.digest}/{kind}/{number}')}"
