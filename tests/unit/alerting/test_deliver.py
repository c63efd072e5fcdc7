from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.announce import announce
from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.channels.log import LogChannel
from monitor.alerting.deliver import AT_ONCE, Backoff, Outcome, deliver_step
from monitor.alerting.ports import EventAction, Notification, Pending
from monitor.incidents import lifecycle
from tests.unit.alerting.record import HOUR, MINUTE, T0, Judge, page, sqlite_stores

NOW = T0 + 10 * MINUTE


class Receiver:
    """Takes notifications, or fails as it is told; never blocks."""

    longest_ms = 100

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.got: list[Notification] = []
        self.attempts: list[int] = []

    def send(self, notification: Notification, *, attempt: int) -> None:
        self.attempts.append(attempt)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.got.append(notification)


def outcomes(judge: Judge, channels: Mapping[str, Channel]) -> set[tuple[str, str]]:
    """What one step did now."""
    return set(deliver_step(judge.stores.outbox, channels, now_ms=NOW).outcomes)


def _passing(retry_after_ms: int | None = None) -> ChannelError:
    return ChannelError("503", permanent=False, retry_after_ms=retry_after_ms)


def _resolved(judge: Judge, incident_id: int = 1) -> None:
    with judge.stores.alerts.transaction() as store:
        announce(store, lifecycle.resolve(store, incident_id, actor="ana", now_ms=NOW, text="fixed"))


def test_what_is_due_is_sent_once(judge: Judge) -> None:
    judge.finds(page())
    channels = {"pager": Receiver(), "chat": Receiver()}
    assert outcomes(judge, channels) == {("pager", "sent"), ("chat", "sent")}
    assert outcomes(judge, channels) == set()
    assert [each.deed for each in channels["pager"].got] == [EventAction.trigger]
    assert judge.stores.outbox.backlog() == 0


def test_killed_between_sending_and_marking_it_is_sent_again_with_the_same_dedup_key(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class DiesAfterSending(Receiver):
        def send(self, notification: Notification, *, attempt: int) -> None:
            super().send(notification, attempt=attempt)
            raise Killed

    url = f"sqlite:///{tmp_path / 'driftline.db'}"
    first, second = DiesAfterSending(), Receiver()
    with sqlite_stores(url) as stores:
        judge = Judge(stores)
        judge.finds(page())
        with pytest.raises(Killed):
            deliver_step(stores.outbox, {"pager": first, "chat": first}, now_ms=NOW)
    with sqlite_stores(url) as stores:
        channels = {"pager": second, "chat": second}
        assert deliver_step(stores.outbox, channels, now_ms=NOW).claimed == 0, "the claim still holds"
        assert deliver_step(stores.outbox, channels, now_ms=NOW + HOUR).count(Outcome.sent) == 2
    assert first.got[0] in second.got
    assert {each.dedup_key for each in second.got} == {first.got[0].dedup_key}


def test_a_passing_failure_is_tried_again_later_and_later(judge: Judge) -> None:
    judge.finds(page())
    pager = Receiver(_passing(), _passing(), _passing())
    channels = {"pager": pager, "chat": Receiver()}
    now, waits = NOW, []
    deliver_step(judge.stores.outbox, channels, now_ms=now)
    while not pager.got:
        start = now
        while deliver_step(judge.stores.outbox, channels, now_ms=now).claimed == 0:
            now += 250
        waits.append(now - start)
    assert pager.attempts == [1, 2, 3, 4]
    assert 4000 <= waits[0] <= 5250 <= 8000 <= waits[1] <= 10_250 <= 16_000 <= waits[2] <= 20_250


def test_a_receiver_that_asks_for_time_gets_it(judge: Judge) -> None:
    judge.finds(page())
    pager = Receiver(_passing(retry_after_ms=120_000))
    channels = {"pager": pager, "chat": Receiver()}
    assert deliver_step(judge.stores.outbox, channels, now_ms=NOW).count(Outcome.retried) == 1
    assert deliver_step(judge.stores.outbox, channels, now_ms=NOW + 119_999).claimed == 0
    assert deliver_step(judge.stores.outbox, channels, now_ms=NOW + 120_000).count(Outcome.sent) == 1


def test_a_permanent_failure_is_given_up_and_the_next_one_goes(judge: Judge) -> None:
    judge.finds(page())
    _resolved(judge)
    pager = Receiver(ChannelError("400", permanent=True))
    channels = {"pager": pager, "chat": Receiver()}
    assert outcomes(judge, channels) == {("pager", "given_up"), ("chat", "sent")}
    assert outcomes(judge, channels) == {("pager", "sent"), ("chat", "sent")}
    assert [each.deed for each in pager.got] == [EventAction.resolve]


@pytest.mark.parametrize(
    "failure", [_passing(), RuntimeError("a bug in the channel"), UnicodeEncodeError("a", "b", 0, 1, "c")]
)
def test_a_poisoned_notification_holds_up_nothing_but_its_own_incident_and_channel(
    judge: Judge, failure: Exception
) -> None:
    class Poisoned(Receiver):
        def send(self, notification: Notification, *, attempt: int) -> None:
            if notification.incident_id == 1:
                raise failure
            super().send(notification, attempt=attempt)

    judge.finds(page())
    for number in range(2, 3 * AT_ONCE):
        judge.finds(page(f"f{number}", guardrail=f"guardrail {number}"))
    pager, chat = Poisoned(), Receiver()
    while deliver_step(judge.stores.outbox, {"pager": pager, "chat": chat}, now_ms=NOW).claimed:
        pass
    assert {each.incident_id for each in pager.got} == set(range(2, 3 * AT_ONCE))
    assert {each.incident_id for each in chat.got} == set(range(1, 3 * AT_ONCE))
    assert judge.stores.outbox.backlog() == 1


def test_a_channel_that_is_gone_from_the_settings_is_given_up_by_name(judge: Judge) -> None:
    judge.finds(page())
    with structlog.testing.capture_logs() as logs:
        assert outcomes(judge, {"chat": Receiver()}) == {("pager", "given_up"), ("chat", "sent")}
    assert [log["error"] for log in logs] == ["the settings have no channel 'pager' any more"]


def test_the_log_channel_writes_one_line_with_the_body(judge: Judge) -> None:
    judge.finds(page())
    with structlog.testing.capture_logs() as logs:
        assert outcomes(judge, {"pager": LogChannel(), "chat": LogChannel()}) == {("pager", "sent"), ("chat", "sent")}
    assert [log["deed"] for log in logs] == ["trigger", "trigger"]
    assert logs[0]["body"]["incident"]["name"] == "INC-1"


def test_waiting_is_deterministic_bounded_and_spread() -> None:
    def pending(number: int, attempts: int) -> Pending:
        notification = Notification(
            incident_id=1, seq=1, channel="c", deed=EventAction.update, dedup_key="k", body={}
        )
        return Pending(id=number, attempts=attempts, notification=notification)

    backoff = Backoff()
    waits = [backoff.wait_ms(pending(number, 3)) for number in range(200)]
    assert waits == [backoff.wait_ms(pending(number, 3)) for number in range(200)]
    assert min(waits) >= 32_000
    assert max(waits) <= 40_000
    assert len(set(waits)) > 150
    assert backoff.wait_ms(pending(1, 10_000)) <= 600_000


OUTCOMES = st.sampled_from(["sent", "passing", "permanent", "bug", "killed"])


@given(st.lists(OUTCOMES, max_size=40), st.lists(st.sampled_from(["page", "end", "resolve", "step"]), max_size=25))
@settings(max_examples=60, deadline=None)
def test_a_resolve_never_overtakes_its_trigger(outcomes: list[str], story: list[str]) -> None:
    """Whatever fails, and whoever is killed when: each channel sees each incident's messages in order of seq.

    A message may come again (a kill between sending and marking), never after a later one was first seen.
    """
    with sqlite_stores() as stores:
        judge, network = Judge(stores), Unreliable(outcomes)
        now, number = T0, 0
        for event in [*story, "step"]:
            now += MINUTE
            if event == "page":
                number += 1
                judge.finds(page(f"f{number}", onset=now - 2 * MINUTE, paged=now), at=now)
            elif event == "resolve":
                with stores.alerts.transaction() as store:
                    for incident in store.incidents():
                        if incident.status.value in ("open", "acknowledged"):
                            change = lifecycle.resolve(store, incident.id, actor="ana", now_ms=now, text="fixed")
                            announce(store, change)
            elif event == "end":
                with stores.alerts.transaction() as store:
                    going_on = [found for found in store.findings() if found.ended_at_ms is None]
                if going_on:
                    judge.finds(
                        page(
                            going_on[0].id, onset=going_on[0].onset_low_ms, paged=going_on[0].paged_at_ms, ended=now
                        ),
                        at=now,
                    )
            else:
                network.step(judge, now)
        network.outcomes.clear()
        for _ in range(200):
            now += HOUR
            if stores.outbox.backlog() == 0:
                break
            network.step(judge, now)
        assert stores.outbox.backlog() == 0
        network.check()


class KilledError(BaseException):
    """The process dies right after the receiver has taken the message."""


class Unreliable:
    """Two channels over one network that fails as told."""

    longest_ms = 100

    def __init__(self, outcomes: list[str]) -> None:
        self.outcomes = list(outcomes)
        self.seen: dict[tuple[str, int], list[int]] = defaultdict(list)

    def step(self, judge: Judge, now: int) -> None:
        with suppress(KilledError):
            deliver_step(judge.stores.outbox, {"pager": self, "chat": self}, now_ms=now)

    def send(self, notification: Notification, *, attempt: int) -> None:
        outcome = self.outcomes.pop(0) if self.outcomes else "sent"
        if outcome == "passing":
            raise _passing()
        if outcome == "permanent":
            raise ChannelError("400", permanent=True)
        if outcome == "bug":
            raise KeyError("bug")
        self.seen[notification.channel, notification.incident_id].append(notification.seq)
        if outcome == "killed":
            raise KilledError

    def check(self) -> None:
        for seqs in self.seen.values():
            assert seqs == sorted(seqs)
