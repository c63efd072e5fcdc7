"""The sentences that stories are told in, and what each of them does.

at 2026-11-23T03:12Z                      begins a story (UTC)
    a page f1 of jailbreak                    the judge pages; also: a critical page, a notice,
                                              and: that began 2 hours ago
f1 ends                                   the finding is over
30 minutes pass                           the clock moves, the service's timers run
ann acknowledges INC-1                    also: resolves, notes, closes, snoozes INC-1 for 2 hours
ann-phone goes down / comes back          a channel fails, or works again
kim silences jailbreak for 2 hours        also: "everything"
ann-phone gets page "step 1 of 2"         the next message; the words are in it
ann-phone gets nothing                    no message is left
INC-1 is open                             its status
the timeline of INC-1 holds paged         an entry of this kind

More sentences, on measures, action items, other tools and reports, are in ``handling.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

import pytest

from monitor.alerting.escalation import paging
from monitor.alerting.respond import still_going_on
from monitor.alerting.silences import SilenceKind, ended_early, new_silence
from monitor.errors import NotFound, Refused
from monitor.findings.model import Finding
from monitor.incidents import regroup
from monitor.incidents.booked import book
from monitor.incidents.case import Functional, Information, Noise, Phase, Verdict
from monitor.storage.stores import Stores
from tests.stories.handling import HANDLING
from tests.stories.world import World, plan
from tests.unit.alerting.record import ended, notice, page

LENGTH: Final = r"(\d+) (minute|hour|day)s?"
UNITS_MS: Final = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
Deed = Callable[[World, re.Match[str]], None]


def length(number: str, unit: str) -> int:
    return int(number) * UNITS_MS[unit]


def _found(world: World, said: re.Match[str]) -> None:
    began = world.now_ms - (length(said["ago"], said["ago_unit"]) if said["ago"] else 120_000)
    finding: Finding
    if said["kind"] == "notice":
        finding = notice(said["id"], onset=began, guardrail=said["guardrail"])
    else:
        signal = "coverage" if said["kind"] == "critical page" else "boundary_proximity"
        question = "not_run_rise" if signal == "coverage" else "near_threshold"
        finding = page(said["id"], onset=began, guardrail=said["guardrail"], signal=signal, question=question)
    world.finds(finding)


def _ends(world: World, said: re.Match[str]) -> None:
    world.finds(ended(world.findings[said[1]], world.now_ms))


def _act(world: World, said: re.Match[str]) -> None:
    act = {"acknowledges": "acknowledge", "resolves": "resolve", "closes": "close", "notes": "note"}[said[2]]
    more = {} if act == "acknowledge" else {"text": said[4] or "it is over"}
    world.acts(act, said[1], int(said[3]), **more)


def _snooze(world: World, said: re.Match[str]) -> None:
    until = world.now_ms + length(said[3], said[4])
    world.acts("snooze", said[1], int(said[2]), text="waits for the vendor", until_ms=until)


def _silence(world: World, said: re.Match[str]) -> None:
    kind = SilenceKind.maintenance if said[2] == "maintains" else SilenceKind.silence
    with world.stores.alerts.transaction() as store:
        store.new_silence(
            new_silence(
                kind=kind,
                author=said[1],
                reason=said[6] or "upgrade",
                begin_ms=world.now_ms,
                end_ms=world.now_ms + length(said[4], said[5]),
                guardrails=() if said[3] == "everything" else (said[3],),
                now_ms=world.now_ms,
            )
        )


def _unsilence(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        store.update_silence(ended_early(store.silence(int(said[1])), now_ms=world.now_ms))
        paging.released(store, int(said[1]), now_ms=world.now_ms)


def _refused(world: World, said: re.Match[str]) -> None:
    with pytest.raises((Refused, NotFound), match=said[2] or ""):
        tell(world, said[1])


def _triage(world: World, said: re.Match[str]) -> None:
    world.acts(
        "triage",
        said[1],
        int(said[2]),
        text="seen in the log",
        verdict=Verdict(said[3]),
        functional=Functional(said[4] or "none"),
        information=Information(said[5] or "none"),
    )


def _phase(world: World, said: re.Match[str]) -> None:
    at_ms = None if said[4] is None else world.now_ms - length(said[4], said[5])
    world.acts("advance", said[1], int(said[2]), text="done", phase=Phase(said[3]), at_ms=at_ms)


def _interrupted(world: World, said: re.Match[str]) -> None:
    def killed_before_the_commit() -> None:
        with world.stores.alerts.transaction() as store:
            regroup.merge(store, int(said[1]), actor="ann", now_ms=world.now_ms, text="the same", into=int(said[2]))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        killed_before_the_commit()


def _findings(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        held = {each.id for each in store.findings(incident_id=int(said[1]))}
    assert held == set(said[2].split()), held


def _declared(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        assert (store.case(int(said[1])).declared_ms is None) == bool(said[2])


def _in_phase(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        assert store.case(int(said[1])).phase.value == said[2]


def _booked(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        assert book(store, since_ms=0, now_ms=world.now_ms).false_pages == int(said[1])


def _noise(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        assert book(store, since_ms=0, now_ms=world.now_ms).noise[said[3]][said[2]] == int(said[1])


def _caught_up(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        still_going_on(store, world.findings[said[1]], now_ms=world.now_ms, policy=world.policy)
    world.settle()


def _goes(world: World, said: re.Match[str]) -> None:
    world.channels[said[1]].down = said[2] == "goes down"


def _plan(world: World, said: re.Match[str]) -> None:
    words = said[1]
    contacts = {"ben": ("ben-phone",), "kim": ("kim-phone",)} if "ann has no contact" in words else None
    world.uses(plan(gap="nobody at night" in words, contacts=contacts, catch_all="no second step" not in words))


def _status(world: World, said: re.Match[str]) -> None:
    assert world.incident(int(said[1])).status.value == said[2]


def _severity(world: World, said: re.Match[str]) -> None:
    assert world.incident(int(said[1])).severity.value == said[2]


def _holds(world: World, said: re.Match[str]) -> None:
    kinds = world.kinds(int(said[1]))
    count = kinds.count(said[2])
    assert count == int(said[3] or max(1, count)), f"{said[2]} is {count} x in {kinds}"


def _lacks(world: World, said: re.Match[str]) -> None:
    assert said[2] not in world.kinds(int(said[1]))


def _empty(world: World, said: re.Match[str]) -> None:
    world.channels[said[1]].got.clear()


FOUND: Final = (
    r"an? (?P<kind>critical page|page|notice) (?P<id>\w+) of (?P<guardrail>\S+)"
    r"(?: that began (?P<ago>\d+) (?P<ago_unit>minute|hour|day)s? ago)?"
)
SENTENCES: Final[tuple[tuple[str, Deed], ...]] = (
    (
        FOUND,
        _found,
    ),
    (r"(\w+) ends", _ends),
    (rf"{LENGTH} pass(?:es)?", lambda world, said: world.fast_forward(length(said[1], said[2]))),
    (rf"(\w+) snoozes INC-(\d+) for {LENGTH}", _snooze),
    (r"(\w+) (acknowledges|resolves|closes|notes) INC-(\d+)(?: saying \"(.+)\")?", _act),
    (rf"(\w+) (silences|maintains) (\S+) for {LENGTH}(?: because of (.+))?", _silence),
    (r"silence (\d+) is ended", _unsilence),
    (r"(\w+) triages INC-(\d+) as (\w+)(?: with (\w+) functional and (\w+) information impact)?", _triage),
    (rf"(\w+) moves INC-(\d+) to (\w+)(?:, reached {LENGTH} ago)?", _phase),
    (
        r"(\w+) merges INC-(\d+) into INC-(\d+)",
        lambda world, said: world.acts("merge", said[1], int(said[2]), text="the same", into=int(said[3])),
    ),
    (r"a merge of INC-(\d+) into INC-(\d+) is interrupted", _interrupted),
    (
        r"(\w+) splits (\w+) from INC-(\d+)",
        lambda world, said: world.acts("split", said[1], int(said[3]), text="another", findings=[said[2]]),
    ),
    (
        r"(\w+) reopens INC-(\d+)",
        lambda world, said: world.acts("reopen", said[1], int(said[2]), text="it goes on"),
    ),
    (
        r"(\w+) assigns INC-(\d+) to (\w+)",
        lambda world, said: world.acts("assign", said[1], int(said[2]), text="", to=said[3]),
    ),
    (
        r"(\w+) says (\w+) of INC-(\d+)",
        lambda world, said: world.acts("say_noise", said[1], int(said[3]), text="", noise=Noise(said[2])),
    ),
    (r"INC-(\d+) holds ((?:\w+ ?)+)", _findings),
    (r"INC-(\d+) is (not )?declared", _declared),
    (r"INC-(\d+) is in phase (\w+)", _in_phase),
    (r"the book holds (\d+) false pages?", _booked),
    (r"the book counts (\d+) (\w+) of (\S+)", _noise),
    (r"judging catches up with (\w+) still open", _caught_up),
    (
        rf"(\w+) ended {LENGTH} ago",
        lambda world, said: world.finds(ended(world.findings[said[1]], world.now_ms - length(said[2], said[3]))),
    ),
    (r"refused: (.+?)(?: -- (.+))?", _refused),
    (r"(\S+) (goes down|comes back)", _goes),
    (r"the plan has (.+)", _plan),
    (r"(\S+) gets nothing", lambda world, said: world.expect_nothing(said[1])),
    (r"(\S+) has been read", _empty),
    (
        r"(\S+) gets (trigger|update|page|acknowledge|resolve)(?: \"(.+)\")?",
        lambda world, said: world.expect(said[1], said[2], said[3] or "") and None,
    ),
    (r"INC-(\d+) is (open|acknowledged|resolved|closed)", _status),
    (r"INC-(\d+) has severity (\w+)", _severity),
    (r"the timeline of INC-(\d+) holds (\w+)(?: (\d+) times?)?", _holds),
    (r"the timeline of INC-(\d+) has no (\w+)", _lacks),
)


def tell(world: World, sentence: str) -> None:
    """Do what one sentence says.

    Raises:
        ValueError: no sentence of the language fits.
    """
    for pattern, deed in (*SENTENCES, *HANDLING):
        said = re.fullmatch(pattern, sentence)
        if said is not None:
            deed(world, said)
            return
    raise ValueError(f"no sentence of the language: {sentence!r}")


def run(stores: Stores, lines: list[str]) -> World:
    """Tell a whole story; its first line says when it begins."""
    begin = re.fullmatch(r"at (\S+)", lines[0])
    assert begin is not None, "a story begins with: at TIME"
    world = World(stores, round(datetime.fromisoformat(begin[1]).timestamp() * 1000))
    for number, line in enumerate(lines[1:], start=2):
        try:
            tell(world, line)
        except AssertionError as error:
            raise AssertionError(f"line {number}, {line!r}: {error}") from error
    world.verified()
    return world
