"""Translates the settings into the values that each room takes: the only place that knows both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitor.alerting.policy import AlertPolicy, Route
from monitor.counting.counter import CountRule
from monitor.counting.memory import MemoryRule
from monitor.counting.tick import TickRule
from monitor.errors import SettingsError
from monitor.incidents.controls import Control
from monitor.incidents.playbook import all_playbooks
from monitor.ingestion.kafka_options import KafkaConnection, KafkaSourceOptions, Sasl, Tls
from monitor.judging.evidence_record import EvidenceRetention
from monitor.judging.judge_settings import OURS, JudgeSettings, SignalRule
from monitor.judging.retention import RetentionRule
from monitor.settings.model import Settings
from monitor.settings.signals import SignalSettings
from monitor.settings.source import Kafka
from monitor.signals import request_join
from monitor.signals.registry import SIGNALS
from monitor.wiring.oncall import oncall_plan


def count_rule(settings: Settings) -> CountRule:
    """The rule of counting partitions."""
    ticks = settings.ticks
    return CountRule(
        tick=TickRule(tick_ms=ticks.length.ms, lateness_ms=ticks.lateness.ms, ahead_ms=ticks.ahead.ms),
        off=frozenset(_left_out(settings)),
        labels_from=None if settings.source.labels_from is None else frozenset(settings.source.labels_from),
        memory=MemoryRule(
            ids=settings.limits.dedupe_window,
            requests=settings.limits.join_window,
            prompts=settings.limits.repeat_window,
        ),
    )


def _left_out(settings: Settings) -> Iterator[str]:
    """The signals that are switched off, except the joins where another signal needs them."""
    off = {name for name, one in settings.signals.items() if not one.enabled}
    joined = any(signal.misses for signal in SIGNALS if signal.name not in off)
    for name in sorted(off):
        if not (joined and name == request_join.SIGNAL.name):
            yield name


def judge_rule(settings: Settings) -> JudgeSettings:
    """The rule of judging counts."""
    budget = settings.budget
    return JudgeSettings(
        tick_ms=settings.ticks.length.ms,
        pages=budget.pages,
        page_period_ms=int(budget.page_period_s * 1000),
        notices=budget.notices,
        notice_period_ms=int(budget.notice_period_s * 1000),
        automatic=settings.baseline.approval == "automatic",
        baseline_events=settings.baseline.events,
        baseline_span_ms=settings.baseline.span.ms,
        silence=settings.rules.silence,
        volume=settings.rules.volume,
        contradictions=settings.rules.contradictions,
        contradiction_share=settings.rules.contradiction_share,
        weights=tuple(sorted(settings.budget.weights.items())),
        signals=tuple((name, _signal_rule(name, one)) for name, one in sorted(settings.signals.items())),
        campaign=settings.rules.campaign,
        new_units=settings.rules.new_units,
    )


def evidence_retention(settings: Settings) -> EvidenceRetention:
    """The retention of the evidence over time."""
    return EvidenceRetention(points_ms=settings.retention.evidence.ms, levels_ms=settings.retention.levels.ms)


def retention_rule(settings: Settings) -> RetentionRule:
    """The retention of counts and records."""
    kept = settings.retention
    return RetentionRule(
        tick_ms=settings.ticks.length.ms,
        ticks_ms=kept.ticks.ms,
        hours_ms=kept.hours.ms,
        ledger_ms=kept.ledger.ms,
        outbox_ms=kept.outbox.ms,
    )


def _signal_rule(name: str, given: SignalSettings) -> SignalRule:
    known = [signal.name for signal in SIGNALS]
    if name not in known:
        raise SettingsError(f"signals.{name[:60]}: there is no such signal; there are {', '.join(known)}")
    parameters = tuple(sorted(given.parameters.items()))
    if given.detector == OURS:
        if parameters:
            raise SettingsError(f"signals.{name}.parameters: only a river detector takes parameters")
        return SignalRule(enabled=given.enabled, weight=given.weight)
    from detectors.river_drift import named  # noqa: PLC0415 - takes a second to load; few need it

    detector = given.detector.removeprefix("river.")
    try:
        named(detector, dict(parameters))
    except ValueError as error:
        raise SettingsError(f"signals.{name}.detector: {error}") from None
    return SignalRule(enabled=given.enabled, weight=given.weight, detector=detector, parameters=parameters)


def playbooks_folder(settings: Settings) -> Path | None:
    """The team's own playbooks."""
    return _path(settings.alerts.playbooks)


def address_of_incidents(settings: Settings) -> str:
    """Where messages point to: as set, else the page where the pages have an address of their own."""
    if settings.http.url is None or "address" in settings.alerts.model_fields_set:
        return settings.alerts.address
    return f"{settings.http.url.rstrip('/')}/incidents/{{id}}"


def controls(settings: Settings) -> dict[str, Control]:
    """The control statements, by guardrail."""
    return {
        name: Control(prohibits=said.prohibits, evaluated=said.evaluated, threshold=said.threshold, owner=said.owner)
        for name, said in settings.controls.items()
    }


def alert_policy(settings: Settings) -> AlertPolicy:
    """The routes and rules of alerting."""
    alerts = settings.alerts
    return AlertPolicy(
        routes=tuple(
            Route(channel=channel.name, notices=channel.notices)
            for channel in alerts.channels
            if channel.every_incident
        ),
        group_window_ms=alerts.group_window.ms,
        notify_within_ms=alerts.notify_within.ms,
        auto_resolve=alerts.auto_resolve,
        address=address_of_incidents(settings),
        controls=controls(settings),
        plan=oncall_plan(settings),
        deployment=alerts.deployment,
        playbooks={kind.value: book.reference for kind, book in all_playbooks(playbooks_folder(settings)).items()},
        phrases={
            (signal.name, question.name): question.phrase for signal in SIGNALS for question in signal.questions
        },
    )


def kafka_connection(kafka: Kafka) -> KafkaConnection:
    """The way to the brokers, for the source and the dead-letter producer alike."""
    tls = kafka.tls
    return KafkaConnection(
        bootstrap_servers=kafka.servers,
        client_id=kafka.client_id,
        tls=Tls(
            authority_file=_path(tls.ca_file),
            certificate_file=_path(tls.cert_file),
            key_file=_path(tls.key_file),
            check_hostname=tls.verify,
        )
        if tls.enabled
        else None,
        sasl=None
        if kafka.sasl is None
        else Sasl(
            mechanism=kafka.sasl.mechanism,
            user=kafka.sasl.username or "",
            password=kafka.sasl.password,
            token_file=kafka.sasl.token_file,
        ),
    )


def kafka_source_options(settings: Settings) -> KafkaSourceOptions:
    """The topics to read from Kafka, and the amount of one fetch."""
    kafka = settings.source.kafka
    if kafka is None:
        raise SettingsError("source.kafka: not set; this command reads from Kafka")
    return KafkaSourceOptions(
        connection=kafka_connection(kafka),
        topics=kafka.topics,
        group=kafka.group,
        instance_id=kafka.instance_id,
        read_committed=kafka.isolation == "read_committed",
        fetch_max_bytes=kafka.fetch_bytes,
        max_partition_fetch_bytes=kafka.partition_fetch_bytes,
        fetch_max_wait_ms=kafka.fetch_wait.ms,
        session_timeout_ms=kafka.session_timeout.ms,
        heartbeat_interval_ms=min(3_000, kafka.session_timeout.ms // 3),
        max_batch_bytes=kafka.max_decompressed_bytes,
        raw=kafka.raw_batches == "auto",
    )


def topic_of(partition: str) -> str:
    """The topic of a partition's name (``guardrail-events-3``)."""
    return partition.rpartition("-")[0]


def _path(text: object) -> Path | None:
    return None if text is None else Path(str(text))


def dead_letter_file(settings: Settings) -> Path:
    """The file of dead letters where no topic takes them: beside the working directory's other files by default."""
    return _path(settings.dead_letter.file) or Path("driftline.dead.jsonl")
