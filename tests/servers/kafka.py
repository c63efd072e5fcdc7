"""One real Apache Kafka server (KRaft, a single node) on free loopback ports, for tests."""

from __future__ import annotations

import base64
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from monitor.demo.broker import LOOPBACK, free_port
from tests.servers.needs import ServerUnavailable, java, kafka_jars

READY_WITHIN_SECONDS = 90.0  # measured 2 s alone on 2 cores, 3.5 s after a kill
STOP_WITHIN_SECONDS = 20.0
FORMAT_WITHIN_SECONDS = 60.0

# Only C1 and the serial collector: a test broker lives for seconds, and its start is mostly class loading.
JVM_FLAGS = ("-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")

# broker.session.timeout.ms: after a kill the controller refuses the new incarnation until the old one's session is
# over, so Kafka's 9 s would be the restart time; 2 s is eight missed heartbeats of 250 ms.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
auto.create.topics.enable=false
log.index.size.max.bytes=1048576
"""

LOGGING = """\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{HH:mm:ss.SSS} %-5p %c{1}: %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: out
"""


class KafkaNode:
    """A Kafka server whose records live in `directory` and survive `kill` and `restart`.

    The ports stay the same for the life of the object, so clients find the server again.

    Raises:
        ServerUnavailable: Java or the jars are missing, or the server did not come up; with the end of its log.
    """

    format_options: tuple[str, ...] = ()
    """Further arguments of the tool that formats the directory."""

    def __init__(self, directory: Path) -> None:
        self._classpath = f"{kafka_jars()}/*"
        self._java = java()
        self._properties = directory / "server.properties"
        self._logging = directory / "log4j2.yaml"
        self._log = directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port, controller_port = free_port(), free_port()
        self._properties.write_text(
            PROPERTIES.format(
                host=LOOPBACK, port=self.port, controller_port=controller_port, data=directory / "data"
            ),
            encoding="utf-8",
        )
        self._logging.write_text(LOGGING, encoding="utf-8")
        self._format()

    @property
    def bootstrap_servers(self) -> str:
        """What Kafka clients take as `bootstrap_servers`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, None when it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server and return when it takes requests and its broker is unfenced."""
        if self._process is not None:
            raise RuntimeError("this Kafka node runs already; stop() or kill() it first")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command(), "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: what it had not written to its files is lost. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Controlled shutdown. Does nothing when it does not run."""
        process = self._process
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_SECONDS)
            self.kill()

    def restart(self) -> None:
        """Start again with the records of before, after a controlled shutdown if it still runs."""
        self.stop()
        self.start()

    def create_topic(self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        """Create a topic, wait until every partition has a leader, and give back its name.

        It keeps its records for ever: tests write times of long ago, which a broker would delete within minutes.
        """
        kept = {"retention.ms": "-1"} | dict(configs or {})
        with self.admin() as admin:
            admin.create_topics(
                {name: {"num_partitions": partitions, "replication_factor": 1, "configs": kept}},
                wait_for_metadata=True,
            )
        return name

    def fresh_topic(self, *, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        """A new topic under a name that no other test uses."""
        return self.create_topic(f"topic-{uuid.uuid4().hex[:12]}", partitions=partitions, configs=configs)

    @contextmanager
    def admin(self, *, within_seconds: float = READY_WITHIN_SECONDS) -> Iterator[KafkaAdminClient]:
        """kafka-python's admin client, closed afterwards."""
        client = KafkaAdminClient(
            bootstrap_servers=self.bootstrap_servers,
            bootstrap_timeout_ms=int(within_seconds * 1000),
            reconnect_backoff_ms=20,
            reconnect_backoff_max_ms=200,
        )
        try:
            yield client
        finally:
            client.close()

    def log_tail(self, lines: int = 20) -> str:
        """The end of what the server printed."""
        if not self._log.exists():
            return "nothing printed"
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _command(self) -> list[str]:
        own_files = (  # a killed JVM leaves unpacked libraries behind: they go with the directory
            f"-Djava.io.tmpdir={self._properties.parent}",
            f"-Dlog4j2.configurationFile={self._logging}",
        )
        return [self._java, *JVM_FLAGS, *own_files, "-cp", self._classpath]

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # --cluster-id=VALUE in one word: an identifier may begin with a dash.
        options = ["--standalone", f"--cluster-id={cluster_id}", "--config", str(self._properties)]
        options += self.format_options
        done = subprocess.run(
            [*self._command(), "kafka.tools.StorageTool", "format", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FORMAT_WITHIN_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ServerUnavailable(f"Kafka could not format its directory: {done.stdout}{done.stderr}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerUnavailable(f"Kafka ended with status {process.returncode}:\n{self.log_tail()}")
            if not _is_listening(self.port):
                time.sleep(0.02)
                continue
            try:
                with self.admin(within_seconds=5.0) as admin:
                    if any(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"]):
                        return
            except KafkaError:
                continue  # it listens but does not serve yet; the client paused between its tries
        raise ServerUnavailable(
            f"Kafka did not answer on {self.bootstrap_servers} within {READY_WITHIN_SECONDS:g} s:\n{self.log_tail()}"
        )


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True
