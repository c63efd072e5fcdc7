"""The demo's event log: real prompts, scored by real guardrails on request, in simulated time.

Requests arrive as a Poisson process. Each is judged at the input stage by both guardrails, which gives two
canonical events. Guardrails score micro-batches, as serving stacks do; an event's latency is the measured duration
of that call. Nothing is computed before it is asked for, so the stream can be stopped anywhere; and everything
except the latency is a function of the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.demo.campaign import ATTACKERS, Campaign
from monitor.demo.classifiers import Guardrail
from monitor.demo.corpus import Prompt
from monitor.demo.sessions import OrdinaryUsers, Request
from monitor.demo.wire import Record, WireEvent
from monitor.errors import SettingsError

# Requests scored together. An attacker waits for his answer, so a batch holds at most one query of each: with
# three attackers a batch of 6 lets the campaign be up to half of the traffic.
MICRO_BATCH = 6


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of traffic: so many requests, of which this share (0..0.5) is the campaign's."""

    name: str
    requests: int
    probe_share: float = 0.0

    def __post_init__(self) -> None:
        if self.requests < 0:
            raise SettingsError(f"phase {self.name!r}: requests must be 0 or more, got {self.requests}")
        if not 0.0 <= self.probe_share <= ATTACKERS / MICRO_BATCH:
            raise SettingsError(
                f"phase {self.name!r}: probe_share must lie in 0..{ATTACKERS / MICRO_BATCH}, got {self.probe_share}"
            )


PHASES = (
    Phase(name="baseline", requests=2000),
    Phase(name="normal", requests=500),
    Phase(name="probing", requests=600, probe_share=0.5),
)


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """The parameters of the stream.

    Attributes:
        seed: of arrivals, sessions and the attackers' edits.
        start_ms: simulated time at which the stream begins, epoch milliseconds.
        rate: mean requests per simulated second.
        phases: in order.
    """

    seed: int
    start_ms: int
    rate: float
    phases: tuple[Phase, ...] = PHASES

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1e6:
            raise SettingsError(f"rate must be above 0 and at most 1e6 requests/s, got {self.rate}")


def traffic(
    settings: TrafficSettings,
    *,
    prompts: Sequence[Prompt],
    guardrails: Sequence[Guardrail],
    language: Callable[[str], str],
    timer: Callable[[], float] = time.perf_counter,
) -> Iterator[Record]:
    """Records in order of simulated time, one for each guardrail and request.

    Args:
        settings: seed, start, rate and phases.
        prompts: the corpus, in the order in which its prompts are to be used.
        guardrails: the attackers search for the edge of the first one.
        language: text to ISO 639-1.
        timer: seconds; measures the guardrails' latency and nothing else.
    """
    arrivals, users_rng, attack_rng = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(settings.seed).spawn(3)
    )
    users = OrdinaryUsers(prompts, rng=users_rng)
    campaign: Campaign | None = None
    now = float(settings.start_ms)
    number = 0
    for phase in settings.phases:
        if phase.probe_share and campaign is None:
            campaign = Campaign(prompts, target=guardrails[0], rng=attack_rng)
        for size, probes in _batches(phase):
            attackers = campaign.next_attackers(probes) if campaign else []
            requests = [attacker.request for attacker in attackers]
            requests += [users.next_request() for _ in range(size - len(requests))]
            judged = [_judge(guardrail, requests, timer=timer) for guardrail in guardrails]
            for row, attacker in enumerate(attackers):
                attacker.answer(blocked=any(bool(verdicts.denied[row]) for verdicts in judged))
            for row in _shuffled_in(len(attackers), size=size, rng=attack_rng):
                now += float(arrivals.exponential(1000.0 / settings.rate))
                request_id = f"r-{settings.seed}-{number}"
                number += 1
                spoken = language(requests[row].text)
                for verdicts in judged:
                    event = verdicts.event(
                        row, requests[row], request_id=request_id, time_ms=int(now), language=spoken
                    )
                    yield Record(
                        time_ms=event.time,
                        key=event.session_id.encode(),
                        value=msgspec.json.encode(event),
                        phase=phase.name,
                    )


def _batches(phase: Phase) -> Iterator[tuple[int, int]]:
    """(requests, campaign's queries among them) of each micro-batch; the share is exact over the phase."""
    done = probes_done = 0
    while done < phase.requests:
        size = min(MICRO_BATCH, phase.requests - done)
        done += size
        probes = min(int(phase.probe_share * done) - probes_done, ATTACKERS, size)
        probes_done += probes
        yield size, probes


def _shuffled_in(probes: int, *, size: int, rng: np.random.Generator) -> list[int]:
    """Rows of a batch in order of arrival: queries (the first `probes` rows) anywhere, the others in their order."""
    order = list(range(probes, size))
    for row in range(probes):
        order.insert(int(rng.integers(len(order) + 1)), row)
    return order


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """One guardrail's answer on a micro-batch."""

    guardrail: Guardrail
    scores: NDArray[np.float64]
    denied: NDArray[np.bool_]
    latency_ms: float

    def event(self, row: int, request: Request, *, request_id: str, time_ms: int, language: str) -> WireEvent:
        denied = bool(self.denied[row])
        return WireEvent(
            event_id=f"{request_id}/{self.guardrail.name}",
            time=time_ms,
            guardrail=self.guardrail.name,
            guardrail_version=self.guardrail.version,
            category=self.guardrail.category,
            score=float(self.scores[row]),
            threshold=self.guardrail.threshold,
            verdict="deny" if denied else "allow",
            action="block" if denied else "allow",
            request_id=request_id,
            session_id=request.session_id,
            app=request.app,
            language=language,
            turn=request.turn,
            input_length=len(request.text),
            latency_ms=self.latency_ms,
            text=request.text,
        )


def _judge(guardrail: Guardrail, requests: Sequence[Request], *, timer: Callable[[], float]) -> _Verdicts:
    began = timer()
    scores = guardrail.score([request.text for request in requests])
    latency_ms = round(1000.0 * (timer() - began), 3)
    return _Verdicts(guardrail=guardrail, scores=scores, denied=scores >= guardrail.threshold, latency_ms=latency_ms)
