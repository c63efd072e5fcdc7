"""One idempotent step of paging: page what is due now, each incident in a transaction of its own.

Run every second by the lease holder. What is due and when is stored with the incident, so that a step that is missed,
late, doubled or run by another process changes nothing but how soon it happens.

A page gives the incident's age, because a message read at 3 a.m. must not be taken for new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from monitor.alerting import announce
from monitor.alerting.escalation.model import Escalation, State
from monitor.alerting.escalation.paging import HELD, channels_of
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts, AlertStore, EventAction
from monitor.alerting.silences import ago, ended_words
from monitor.clock import HOUR_MS
from monitor.errors import StoreUnavailable
from monitor.findings.model import Finding, Kind
from monitor.incidents import lifecycle
from monitor.incidents.model import Status
from monitor.incidents.timeline import What
from monitor.oncall.policy import Policy, Step

AT_ONCE: Final = 100
REST_MS: Final = HOUR_MS
"""After it was reported that nobody was reached, the policy begins anew: once an hour, never in silence."""
_OVER: Final = frozenset({Status.resolved, Status.closed})


def escalation_step(alerts: Alerts, *, now_ms: int, policy: AlertPolicy) -> int:
    """Page for every incident that is due; returns how many were.

    Raises:
        StoreUnavailable: the database is away; nothing of the present incident was done, and it stays due.
    """
    with alerts.transaction() as store:
        due = store.due_escalations(now_ms=now_ms, limit=AT_ONCE)
    for incident_id in due:
        try:
            with alerts.transaction() as store:
                _OneStep(store, incident_id, now_ms=now_ms, policy=policy).take()
        except StoreUnavailable:
            if len(due) == 1:
                raise
    return len(due)


class _OneStep:
    """Process one incident that is due."""

    def __init__(self, store: AlertStore, incident_id: int, *, now_ms: int, policy: AlertPolicy) -> None:
        self._store = store
        self._now_ms = now_ms
        self._policy = policy
        self._incident = lifecycle.locked(store, incident_id)

    def take(self) -> None:
        now = self._store.escalation(self._incident.id)
        if now is None or now.wakes_ms is None or now.wakes_ms > self._now_ms:
            return  # somebody else was faster
        if self._incident.status in _OVER:
            self._store.save_escalation(msgspec.structs.replace(now, state=State.over, due_ms=None))
            return
        now = self._deadlines(now)
        if now.due_ms is not None and now.due_ms <= self._now_ms:
            now = self._due(now)
        self._store.save_escalation(now)

    def _deadlines(self, now: Escalation) -> Escalation:
        for what, at_ms in (("acknowledge", now.acknowledge_by_ms), ("resolve", now.resolve_by_ms)):
            if at_ms is not None and at_ms <= self._now_ms:
                self._tell(What.deadline_missed, {"deadline": what, "by_ms": at_ms})
                now = msgspec.structs.replace(now, **{f"{what}_by_ms": None})
        return now

    def _due(self, now: Escalation) -> Escalation:
        silence = announce.silence_of(self._store, self._incident, self._now_ms)
        if silence is not None:
            self._store.count_silenced(silence.id, now_ms=self._now_ms)
            if silence.id != now.silence_id:
                self._tell(What.silenced, {"silence": silence.id, "until_ms": silence.end_ms}, quietly=True)
            return msgspec.structs.replace(now, due_ms=silence.end_ms, silence_id=silence.id)
        reasons = [now.why] if now.why else []
        if now.silence_id is not None:
            reasons += self._silence_ended(now.silence_id)
            now = msgspec.structs.replace(now, silence_id=None)
        active = self._policy.plan.active
        if active is None:
            return msgspec.structs.replace(now, due_ms=None)
        if now.state in HELD:
            held = now.holds_until_ms is None or now.holds_until_ms > self._now_ms
            if now.more and held and not now.why:
                return self._under_acknowledgement(now)
            reasons += [self._expired(now)]
            return self._page(self._anew(now), active, reasons=reasons, also=now.person)
        return self._page(now, active, reasons=reasons, also=None)

    def _silence_ended(self, silence_id: int) -> list[str]:
        silence = self._store.silence(silence_id)
        if silence is None:
            return []
        words = ended_words(silence, self._now_ms)
        knowing = announce.knowing(self._store.timeline(self._incident.id))
        to = {name: EventAction.trigger for name in self._policy.channels() if name not in knowing}
        self._write(What.silence_ended, {"silence": silence.id, "text": words}, to, page={"why": words})
        return [words]

    def _under_acknowledgement(self, now: Escalation) -> Escalation:
        reached = channels_of({now.person or ""}, self._policy)
        why = "something more was found in the incident that you have acknowledged"
        self._paged(reached, {"why": why})
        return msgspec.structs.replace(now, more=False, due_ms=now.holds_until_ms)

    def _expired(self, now: Escalation) -> str:
        """Take the acknowledgement back; returns why, as a sentence."""
        since = self._incident.acknowledged_at_ms
        if now.why:
            why = f"{now.person}'s acknowledgement has ended: {now.why}"
        elif now.state is State.snoozed:
            why = f"{now.person}'s snooze has ended"
        else:
            why = f"{now.person}'s acknowledgement, given {ago(self._now_ms - (since or self._now_ms))}, has expired"
        if self._incident.status is Status.acknowledged:
            after = lifecycle.unacknowledged(self._incident)
            lifecycle.replace_stored(self._store, self._incident, after)
            self._incident = after
        what = What.snooze_ended if now.state is State.snoozed else What.acknowledgement_expired
        self._write(what, {"person": now.person or "", "text": why}, {}, page=None)
        return why

    def _anew(self, now: Escalation) -> Escalation:
        return msgspec.structs.replace(
            now, state=State.paging, step=0, round=0, more=False, why="", holds_until_ms=None
        )

    def _page(self, now: Escalation, active: Policy, *, reasons: list[str], also: str | None) -> Escalation:
        for _ in active.steps:
            if now.round >= active.rounds:
                return self._nobody_reached(now, active)
            step = active.steps[min(now.step, len(active.steps) - 1)]
            reached = self._reached(step, also)
            after = self._next(now, active, step)
            if reached:
                self._paged(reached, self._position(now, active, step, reasons))
                return after
            self._tell(What.nobody_on_call, {"step": step.name, "round": now.round + 1}, quietly=True)
            now = after
        return self._nobody_reached(now, active)

    def _reached(self, step: Step, also: str | None) -> dict[str, list[str]]:
        """Channel -> people; channels without a person have the empty name."""
        found: dict[str, list[str]] = {}
        people = self._policy.plan.reached(step, self._now_ms)
        if also is not None:
            people = {also: self._policy.plan.contacts.get(also, ())} | people
        for person, channels in people.items():
            for channel in channels:
                found.setdefault(channel, []).extend([person] if person else [])
        return found

    def _next(self, now: Escalation, active: Policy, step: Step) -> Escalation:
        last = now.step + 1 >= len(active.steps)
        return msgspec.structs.replace(
            now,
            step=0 if last else now.step + 1,
            round=now.round + 1 if last else now.round,
            due_ms=self._now_ms + step.wait_ms,
        )

    def _nobody_reached(self, now: Escalation, active: Policy) -> Escalation:
        everywhere = {*self._policy.channels(), *(each for step in active.steps for each in step.channels)}
        everywhere |= {channel for contacts in self._policy.plan.contacts.values() for channel in contacts}
        to = dict.fromkeys(sorted(active.last_resort or everywhere), EventAction.page)
        why = f"NOBODY REACHED: policy {active.name} ran {max(1, now.round)} times without an acknowledgement"
        data = {"policy": active.name, "rounds": now.round}
        self._write(What.nobody_reached, data, to, page=self._aged({"why": why}))
        return msgspec.structs.replace(now, step=0, round=0, due_ms=self._now_ms + REST_MS)

    def _position(self, now: Escalation, active: Policy, step: Step, reasons: list[str]) -> dict[str, object]:
        where = f"step {now.step + 1} of {len(active.steps)}, round {now.round + 1} of {active.rounds}"
        return {"policy": active.name, "step": step.name, "round": now.round + 1, "why": "; ".join([*reasons, where])}

    def _paged(self, reached: Mapping[str, list[str]], position: Mapping[str, object]) -> None:
        people = {channel: sorted(set(names)) for channel, names in sorted(reached.items())}
        everybody = sorted({name for names in people.values() for name in names})
        self._write(
            What.paged,
            {**position, "people": everybody},
            dict.fromkeys(people, EventAction.page),
            page=self._aged({**position, "people": everybody}),
        )

    def _aged(self, page: Mapping[str, object]) -> dict[str, object]:
        return {**page, "opened": ago(self._now_ms - self._incident.opened_at_ms)}

    def _tell(self, what: What, data: Mapping[str, object], *, quietly: bool = False) -> None:
        """Write an entry; the channels that know the incident get an update unless ``quietly``."""
        knowing = announce.knowing(self._store.timeline(self._incident.id))
        to = {} if quietly else dict.fromkeys(sorted(knowing), EventAction.update)
        self._write(what, data, to, page=None)

    def _write(
        self,
        what: What,
        data: Mapping[str, object],
        to: Mapping[str, EventAction],
        *,
        page: Mapping[str, object] | None,
    ) -> None:
        announce.send(
            self._store,
            self._incident,
            what=what,
            data=data,
            to=to,
            now_ms=self._now_ms,
            policy=self._policy,
            finding=self._leading(),
            page=page,
        )

    def _leading(self) -> Finding | None:
        """The newest page: what the person who is woken has to look at."""
        pages = [each for each in self._store.findings(incident_id=self._incident.id) if each.kind is Kind.page]
        return pages[0] if pages else None
