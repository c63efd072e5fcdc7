"""What the real servers need on this machine, and the error that says how to get it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KAFKA_POM = ROOT / "deploy" / "kafka" / "pom.xml"
REGISTRY_VERSION = "2.6.13.Final"
REGISTRY_DIRECTORY = "DRIFTLINE_REGISTRY_DIR"  # environment variable: where it is unpacked, instead of .cache/
KAFKA_DIRECTORY = "DRIFTLINE_KAFKA_DIR"  # environment variable: where the jars lie, instead of .cache/


class ServerUnavailable(Exception):  # noqa: N818 - named for the situation, as the project's errors are
    """A server that a test asks for cannot be had on this machine; the message says what to install or run."""


def kafka_version() -> str:
    """The Apache Kafka version that deploy/kafka/pom.xml names."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", KAFKA_POM.read_text(encoding="utf-8"))
    if found is None:
        raise ServerUnavailable(f"{KAFKA_POM} names no <kafka.version>")
    return found[1]


def kafka_jars() -> Path:
    """Directory of Kafka's jars.

    Raises:
        ServerUnavailable: they have not been fetched.
    """
    version = kafka_version()
    given = os.environ.get(KAFKA_DIRECTORY)
    directory = Path(given) if given else ROOT / ".cache" / f"kafka-{version}"
    if not (directory / f"kafka_2.13-{version}.jar").is_file():
        raise ServerUnavailable(
            f"Apache Kafka {version} is not in {directory}: run deploy/test once, which fetches it with Maven, "
            f"or name a directory with its jars in {KAFKA_DIRECTORY}"
        )
    return directory


def registry_jar() -> Path:
    """Apicurio Registry, which speaks Confluent's API; it is not fetched by deploy/test: 140 MB for one slow test.

    Raises:
        ServerUnavailable: it has not been fetched.
    """
    given = os.environ.get(REGISTRY_DIRECTORY)
    directory = Path(given) if given else ROOT / ".cache" / f"apicurio-{REGISTRY_VERSION}"
    jar = directory / f"apicurio-registry-app-{REGISTRY_VERSION}-runner.jar"
    if not jar.is_file():
        raise ServerUnavailable(
            f"Apicurio Registry is not in {directory}: fetch it with `mvn dependency:get -Dtransitive=false"
            f" -Dartifact=io.apicurio:apicurio-registry-app:{REGISTRY_VERSION}:tar.gz:all` and unpack it there from"
            f" the local repository, or name its directory in {REGISTRY_DIRECTORY}"
        )
    return jar


def java() -> str:
    """Path of the Java launcher: that of JAVA_HOME if there is one, else the one on PATH.

    Raises:
        ServerUnavailable: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise ServerUnavailable(
            "Java 17 or newer is needed for Apache Kafka: apt-get install default-jre-headless (Debian), or "
            'brew install openjdk@17 and export JAVA_HOME="$(brew --prefix openjdk@17)" (macOS)'
        )
    return found
