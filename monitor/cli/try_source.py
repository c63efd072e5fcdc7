"""The input of ``driftline try``: a file, standard input or a topic, read as often as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.options import moment_ms
from monitor.errors import SettingsError
from monitor.ingestion.files import FileSource, standard_input
from monitor.ingestion.open_file import STANDARD_INPUT
from monitor.ingestion.tape import Tape

if TYPE_CHECKING:
    from monitor.ingestion.source import Source


@dataclass(slots=True)
class Readable:
    """A log that can be opened more than once.

    Attributes:
        name: for people.
        settings: tree of settings with the source in it.
        open: a new source of the same records; None where they are gone.
        progress: what was read of what there is, None where nobody knows; in whatever unit.
    """

    name: str
    settings: Mapping[str, Any]
    open: Callable[[], Source | None]
    progress: Callable[[], tuple[int, int | None]]


@contextmanager
def readable(
    log: str, *, servers: str | None, config: Path | None, max_events: int, since: str | None
) -> Iterator[Readable]:
    """The log of the command line.

    Raises:
        SettingsError: the settings are wrong, or it is neither a file nor known where the topic is.
    """
    from monitor.settings.yaml_file import read_yaml_file

    tree: dict[str, Any] = {} if config is None else dict(read_yaml_file(config))
    source = dict(tree.get("source") or {})
    kafka = dict(source.pop("kafka", None) or {})
    source.pop("files", None)
    if servers is not None:
        kafka["servers"] = servers
    if servers is None and (log == STANDARD_INPUT or Path(log).exists() or not kafka):
        if since is not None:
            raise SettingsError("--since is for topics; a file is read from its beginning")
        if log != STANDARD_INPUT and not Path(log).exists():
            raise SettingsError(f"{log}: no such file; if it is a topic, add its brokers: --servers host:9092")
        path = log if log == STANDARD_INPUT else str(Path(log).resolve())
        tree["source"] = source | {"files": {"paths": [path]}}
        yield _file(log, tree)
        return
    if "servers" not in kafka:
        raise SettingsError(f"{log}: to read a topic, add its brokers: --servers host:9092")
    tree["source"] = source | {"kafka": kafka | {"topics": [log]}}
    yield _topic(log, tree, max_events=max_events, since_ms=None if since is None else moment_ms(since, "--since"))


def _file(log: str, tree: dict[str, Any]) -> Readable:
    opened: list[FileSource] = []
    tape = Tape(standard_input()) if log == STANDARD_INPUT else None

    def again() -> Source | None:
        if tape is None:
            source = FileSource([log])
        else:
            stdin = tape.recording() if not opened else tape.again()
            if stdin is None:
                return None
            source = FileSource([log], stdin=stdin)
        opened.append(source)
        return source

    def progress() -> tuple[int, int | None]:
        known = list(opened[-1].progress.values()) if opened else []
        totals = [one.total_bytes for one in known if one.total_bytes is not None]
        return sum(one.read_bytes for one in known), sum(totals) or None

    return Readable("standard input" if tape else log, tree, again, progress)


def _topic(log: str, tree: dict[str, Any], *, max_events: int, since_ms: int | None) -> Readable:
    from monitor.ingestion.kafka_range import KafkaRange
    from monitor.settings import Settings
    from monitor.wiring.translate import kafka_source_options

    settings = Settings.model_validate({"budget": {"pages": 1}, **tree})
    options = kafka_source_options(settings)
    opened: list[KafkaRange] = []

    def again() -> Source | None:
        source = KafkaRange(options, max_records=max_events, since_ms=since_ms, like=opened[0] if opened else None)
        opened.append(source)
        return source

    return Readable(f"topic {log}", tree, again, lambda: opened[-1].progress if opened else (0, None))
