"""Receivers that behave as PagerDuty, Alertmanager, Slack, Teams and a mail server do: they check what they get."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.unit.alerting.receiver import HttpReceiver, answer

KEY = "R" * 32
Check = Callable[[Any], list[str]]


def pagerduty_wrong(event: Any) -> list[str]:
    """What the Events API v2 would refuse with 400."""
    wrong = []
    if not re.fullmatch(r"[A-Za-z0-9]{32}", event.get("routing_key", "")):
        wrong.append("routing_key")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        wrong.append("event_action")
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        wrong.append("dedup_key")
    if event.get("event_action") == "trigger":
        payload = event.get("payload", {})
        wrong += [name for name in ("summary", "source", "severity") if not payload.get(name)]
        if len(payload.get("summary", "")) > 1024:
            wrong.append("summary too long")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            wrong.append("severity")
        datetime.fromisoformat(payload["timestamp"])
        wrong += [f"links: {link}" for link in event.get("links", []) if not link["href"].startswith("https://")]
    elif "payload" in event:
        wrong.append("payload without trigger")
    return wrong + ([] if len(json.dumps(event)) < 512_000 else ["too large"])


def alertmanager_wrong(alerts: Any) -> list[str]:
    """What /api/v2/alerts would refuse."""
    wrong = [] if isinstance(alerts, list) and alerts else ["not a list of alerts"]
    for alert in alerts:
        if not alert.get("labels", {}).get("alertname"):
            wrong.append("alertname")
        for name, value in {**alert["labels"], **alert.get("annotations", {})}.items():
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) or not isinstance(value, str) or not value:
                wrong.append(f"label {name}={value!r}")
        if datetime.fromisoformat(alert["endsAt"]) < datetime.fromisoformat(alert["startsAt"]):
            wrong.append("ends before it starts")
    return wrong


def slack_wrong(message: Any) -> list[str]:
    """What Slack would refuse as invalid_blocks."""
    wrong = [] if message.get("text") else ["no text"]
    for block in message["blocks"]:
        match block["type"]:
            case "header" if not 0 < len(block["text"]["text"]) <= 150:
                wrong.append("header")
            case "section" if "text" in block and not 0 < len(block["text"]["text"]) <= 3000:
                wrong.append("section")
            case "section" if not 0 < len(block.get("fields", [0])) <= 10:
                wrong.append("fields")
            case "section" | "header" | "actions" | "context":
                pass
            case other:
                wrong.append(other)
    return wrong


def teams_wrong(message: Any) -> list[str]:
    """What a workflow of Teams would refuse."""
    (attachment,) = message["attachments"]
    card = attachment["content"]
    wrong = [] if message["type"] == "message" else ["type"]
    wrong += [] if attachment["contentType"] == "application/vnd.microsoft.card.adaptive" else ["contentType"]
    wrong += [] if card["type"] == "AdaptiveCard" and card["version"] == "1.4" else ["card"]
    wrong += [] if len(json.dumps(message)) < 28_000 else ["larger than 28 KB"]
    return wrong + [part["type"] for part in card["body"] if part["type"] not in ("TextBlock", "FactSet")]


def grafana_wrong(annotation: Any) -> list[str]:
    """What /api/annotations would refuse, and what would be cut."""
    wrong = [] if annotation.get("text") else ["text"]
    if not isinstance(annotation.get("time"), int):
        wrong.append("time")
    wrong += [tag for tag in annotation.get("tags", []) if not isinstance(tag, str) or not 0 < len(tag) <= 100]
    return wrong + ([] if "<" not in annotation["text"] else ["HTML"])


def goalert_wrong(alert: Any) -> list[str]:
    """What GoAlert's generic API would refuse, or cut."""
    wrong = [] if alert.get("summary") and "\n" not in alert["summary"] else ["summary"]
    wrong += [
        name for name, most in (("summary", 1024), ("details", 6144), ("dedup", 255)) if len(alert[name]) > most
    ]
    return wrong + ([] if alert.get("action", "close") == "close" else ["action"])


PROTOCOLS: Mapping[str, tuple[int, bytes, Check]] = {
    "webhook": (204, b"", lambda document: []),
    "pagerduty": (202, b'{"status":"success"}', pagerduty_wrong),
    "alertmanager": (200, b"", alertmanager_wrong),
    "slack": (200, b"ok", slack_wrong),
    "teams": (202, b"", teams_wrong),
    "grafana": (200, b'{"message":"Annotation added","id":1}', grafana_wrong),
    "goalert": (204, b"", goalert_wrong),
}
"""Type -> status and text of an answer that accepts, and what would be refused."""


def behaving(receiver: HttpReceiver, kind: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A reply that accepts what this receiver would accept, and answers 400 to everything else."""
    status, text, wrong_in = PROTOCOLS[kind]

    def reply(handler: BaseHTTPRequestHandler) -> None:
        try:
            wrong = wrong_in(json.loads(receiver.requests[-1].body))
        except (KeyError, ValueError, TypeError) as error:
            wrong = [repr(error)]
        answer(handler, 400 if wrong else status, ", ".join(wrong).encode() if wrong else text)

    return reply


@dataclass
class MailServer:
    """What came in so far, and what to answer instead of success: command -> reply line."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    silent_after: str = ""
    """Say nothing more after this command."""
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """An SMTP server on a loopback port; with ``tls`` it offers STARTTLS."""
    server = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client had enough
                self.talk()
            self.connection.close()

        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def talk(self) -> None:
            self.say(server.replies.get("CONNECT", "220 mail.example ESMTP"))
            while line := self.rfile.readline():
                command = line.decode("ascii", "replace").split(maxsplit=1)[0].upper().split(":")[0]
                if command == server.silent_after:
                    server.stopped.wait(10)
                    return
                if command in server.replies:
                    self.say(server.replies[command])
                elif command == "EHLO":
                    self.say("250-mail.example")
                    self.say("250 STARTTLS" if tls is not None else "250 8BITMIME")
                elif command == "STARTTLS" and tls is not None:
                    self.say("220 go ahead")
                    self.connection = tls.wrap_socket(self.connection, server_side=True)
                    self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                elif command == "DATA":
                    self.take()
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    if command == "RCPT":
                        server.recipients.append(line.decode().split("<")[1].split(">")[0])
                    self.say("250 ok")

        def take(self) -> None:
            self.say("354 go on")
            text = b""
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                text += line[1:] if line.startswith(b"..") else line
            server.mails.append(message_from_bytes(text, policy=policy.default))  # type: ignore[arg-type]
            self.say("250 queued")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *arguments: object) -> None:
            """A client that refuses our certificate is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        server.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            listening.shutdown()
            thread.join()


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port
