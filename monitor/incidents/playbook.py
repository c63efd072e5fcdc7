"""Playbooks: what to do about each type of incident, in six parts, in YAML.

The parts are those of CoSAI's AI incident response framework: incident type, detection, triage and severity,
containment, eradication and recovery, communication. One ships for each type in ``playbooks/``; a folder of the
settings may hold others under the same types. An incident's first entry names the version and hash that held then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from monitor.errors import SettingsError
from monitor.findings.model import IncidentType
from monitor.settings.section import Section
from monitor.settings.yaml_file import parse_yaml

SHIPPED: Final = Path(__file__).parent / "playbooks"
MOST_BYTES: Final = 64 * 1024
Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class Owner(StrEnum):
    """The role that does a step."""

    responder = "responder"
    commander = "commander"
    approver = "approver"
    communications = "communications"
    legal = "legal"


class Action(StrEnum):
    """The change that a containment step makes outside of Driftline; it needs a named person's approval."""

    tighten_threshold = "tighten_threshold"
    stricter_policy = "stricter_policy"
    roll_back_model = "roll_back_model"
    roll_back_guardrail = "roll_back_guardrail"
    limit_rate = "limit_rate"
    fail_closed = "fail_closed"


class PlaybookStep(Section):
    """One step of a person.

    Attributes:
        do: what, as an order.
        owner: who.
        look_at: where to look, or with which command.
        action: what it changes outside; None: nothing. Its ``undo`` states how to reverse it.
    """

    do: Sentence
    owner: Owner = Owner.responder
    look_at: Annotated[str, Field(max_length=500)] = ""
    action: Action | None = None
    undo: Annotated[str, Field(max_length=500)] = ""


class Message(Section):
    """A message: its receivers, its text and its deadline."""

    who: Sentence
    by: Annotated[str, Field(pattern=r"^[0-9]{1,3} (minutes|hours|days)$")]
    template: Sentence


Steps = Annotated[tuple[PlaybookStep, ...], Field(min_length=1, max_length=20)]


class Playbook(Section):
    """The six parts, and when the product is to be switched off (AI RMF, MANAGE 2.4)."""

    type: IncidentType
    version: Annotated[int, Field(ge=1, le=10_000)]
    incident_type: Sentence
    detection: Steps
    triage: Steps
    containment: Steps
    recovery: Steps
    communication: Annotated[tuple[Message, ...], Field(min_length=1, max_length=20)]
    deactivate: Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=10)]

    @property
    def parts(self) -> Mapping[str, tuple[PlaybookStep, ...]]:
        """The parts that are steps, in order."""
        return {
            "detection": self.detection,
            "triage": self.triage,
            "containment": self.containment,
            "recovery": self.recovery,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of its content, however it was laid out."""
        plain = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def reference(self) -> str:
        """``probing 1 9f0c2d41``: what an incident keeps of it."""
        return f"{self.type.value} {self.version} {self.digest[:8]}"


def read(file: Path) -> Playbook:
    """One playbook.

    Raises:
        SettingsError: one line per mistake, with where it is.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"{file}: longer than {MOST_BYTES} bytes; is it the right file?")
        tree = parse_yaml(content.decode("utf-8"))
        book = Playbook.model_validate_json(json.dumps(tree))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    except SettingsError as error:
        raise SettingsError(f"{file}: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_mistakes(file, error))) from None
    mistakes = list(_wanting(file, book))
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return book


def all_playbooks(folder: Path | None = None) -> dict[IncidentType, Playbook]:
    """The playbook of every type: of the folder where it has one, else the one that ships.

    Raises:
        SettingsError: every mistake of every file in the folder.
    """
    books = {book.type: book for book in (read(file) for file in sorted(SHIPPED.glob("*.yaml")))}
    mistakes: list[str] = []
    for file in sorted(folder.glob("*.yaml")) if folder is not None else ():
        try:
            own = read(file)
            books[own.type] = own
        except SettingsError as error:
            mistakes.append(str(error))
    if folder is not None and not folder.is_dir():
        mistakes.append(f"{folder}: no such folder of playbooks")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return books


def _wanting(file: Path, book: Playbook) -> Iterator[str]:
    for part, steps in book.parts.items():
        for number, step in enumerate(steps):
            at = f"{file}: {part}[{number}]"
            if step.action is not None and part not in ("containment", "recovery"):
                yield f"{at}: an action belongs into containment or recovery"
            if step.action is not None and not step.undo:
                yield f"{at}: an action needs undo: how is it taken back?"


def _mistakes(file: Path, error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        place = ".".join(str(step) for step in detail["loc"])
        yield f"{file}: {place}: {detail['msg'][:300]}"
