"""E-mail by SMTP: plain text, one thread per incident.

The server's name is resolved once and each of its addresses is judged, as for every other channel; TLS checks the
name. One deadline covers the whole conversation: a watchdog cuts the connection.

Source: RFC 5321 (4xx: later again, 5xx: never again), RFC 5322 (Message-ID, References).
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from monitor.alerting.channels.addresses import refusal
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.message import message
from monitor.alerting.channels.outbound import Resolve, system_resolve
from monitor.alerting.ports import Notification
from monitor.clock import Clock

SLACK_MS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """The mail server and the way to it.

    Attributes:
        security: ``tls`` from the first byte, ``starttls``, or ``none``.
        user, password: for the server; None: it requires none.
    """

    host: str
    port: int
    security: str
    sender: str
    recipients: tuple[str, ...]
    user: str | None
    password: str | None
    allow_private: bool
    timeout_s: float
    ca_file: str | None = None


class EmailChannel:
    """One list of recipients."""

    def __init__(self, mailbox: Mailbox, *, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._resolve = resolve
        self._tls = ssl.create_default_context(cafile=mailbox.ca_file)

    @property
    def longest_ms(self) -> int:
        """The longest time that the conversation may take."""
        return int(self._mailbox.timeout_s * 1000) + SLACK_MS

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Hand it to the mail server.

        Raises:
            ChannelError: the server did not take it.
        """
        box = self._mailbox
        client = _Client(self._addresses(), box, self._tls)
        watchdog = threading.Timer(box.timeout_s, client.cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            client.talk(self.mail(notification))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise ChannelError(
                f"{box.host} refused every recipient", permanent=all(code >= 500 for code in codes)
            ) from error
        except smtplib.SMTPResponseException as error:
            raise ChannelError(f"{box.host} answered {error.smtp_code}", permanent=error.smtp_code >= 500) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            late = f"no answer within {box.timeout_s:g} s" if client.was_cut else type(error).__name__
            raise ChannelError(f"{box.host}: {late}: {str(error)[:200]}", permanent=False) from error
        finally:
            watchdog.cancel()
            client.finish()

    def mail(self, notification: Notification) -> EmailMessage:
        """The e-mail."""
        shown = message(notification.body)
        domain = self._mailbox.sender.rpartition("@")[2] or "driftline"
        mail = EmailMessage()
        mail["From"] = self._mailbox.sender
        mail["To"] = ", ".join(self._mailbox.recipients)
        mail["Subject"] = " ".join(shown.headline.split())
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now_ms() / 1000, tz=UTC))
        mail["Message-ID"] = f"<{notification.dedup_key}.{notification.seq}@{domain}>"
        mail["References"] = f"<{notification.dedup_key}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if shown.severity == "critical":
            mail["Importance"] = "high"
        mail.set_content(shown.text + "\n")
        return mail

    def _addresses(self) -> Sequence[str]:
        box = self._mailbox
        try:
            addresses = self._resolve(box.host, box.port)
        except (OSError, UnicodeError) as error:
            raise ChannelError(f"{box.host}: its name cannot be resolved: {error}", permanent=False) from error
        for address in addresses:
            why = refusal(address, allow_private=box.allow_private)
            if why is not None:
                raise ChannelError(f"{box.host} is {address}, {why}: nothing is sent there", permanent=False)
        if not addresses:
            raise ChannelError(f"{box.host}: its name has no address", permanent=False)
        return addresses


class _Client(smtplib.SMTP):
    """Talks to one of the addresses that were judged, and can be cut off from another thread."""

    def __init__(self, addresses: Sequence[str], mailbox: Mailbox, tls: ssl.SSLContext) -> None:
        self._addresses = addresses
        self._mailbox = mailbox
        self._context = tls
        self._open: socket.socket | None = None
        self.was_cut = False
        super().__init__(timeout=mailbox.timeout_s, local_hostname="driftline")

    def talk(self, mail: EmailMessage) -> None:
        box = self._mailbox
        self._host = box.host  # the name that TLS checks
        code, reply = self.connect(box.host, box.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        if box.security == "starttls":
            self.starttls(context=self._context)
        if box.user is not None and box.password is not None:
            self.login(box.user, box.password)
        self.send_message(mail, box.sender, list(box.recipients))
        self.quit()

    def cut(self) -> None:
        """End the conversation from another thread, in any state."""
        if self._open is not None:
            self.was_cut = True
            with contextlib.suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Close the connection."""
        self.close()
        if self._open is not None:
            self._open.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        last: OSError | None = None
        for address in self._addresses:
            try:
                found = socket.create_connection((address, port), timeout / max(1, len(self._addresses)))
            except OSError as error:
                last = error
                continue
            self._open = found
            if self._mailbox.security == "tls":
                found = self._context.wrap_socket(found, server_hostname=host)
                self._open = found
            return found
        raise last or OSError("no address")
