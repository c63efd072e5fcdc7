"""A real Apache Kafka that asks who is there: a listener with TLS and SASL beside the open one of the tests."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from monitor.demo.broker import LOOPBACK, free_port
from tests.servers.kafka import KafkaNode

USER, PASSWORD = "driftline", "correct horse"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
MODULES = "org.apache.kafka.common.security"

PROPERTIES = """\
sasl.enabled.mechanisms={mechanisms}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
listener.name.secure.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{user}="{password}";
listener.name.secure.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.secure.oauthbearer.sasl.jaas.config={modules}.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub="broker";
"""


class SecureKafkaNode(KafkaNode):
    """A Kafka server whose second listener lets nobody in without TLS and a login.

    Attributes:
        ca_file: the authority that has signed its certificate, in PEM.
        secure_port: port of that listener.
    """

    format_options = tuple(
        word
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for word in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
    )

    def __init__(self, directory: Path) -> None:
        self.secure_port = free_port()
        self.ca_file = directory / "ca.pem"
        self._keystore = directory / "server.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        issued = authority.issue_cert(LOOPBACK)
        # Kafka reads keys in PKCS #8 alone.
        key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._keystore.write_bytes(text + b"".join(part.bytes() for part in issued.cert_chain_pems))
        super().__init__(directory)

    @property
    def secure_servers(self) -> str:
        """What clients take as brokers to contact first."""
        return f"{LOOPBACK}:{self.secure_port}"

    def _format(self) -> None:
        text = self._properties.read_text(encoding="utf-8")
        more = f",SECURE://{LOOPBACK}:{self.secure_port}"
        lines = [
            line + more if line.startswith(("listeners=", "advertised.listeners=")) else line
            for line in text.replace("PLAINTEXT:PLAINTEXT", "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL").splitlines()
        ]
        asks = PROPERTIES.format(
            mechanisms=",".join(MECHANISMS),
            keystore=self._keystore,
            modules=MODULES,
            user=USER,
            password=PASSWORD,
        )
        self._properties.write_text("\n".join([*lines, asks]), encoding="utf-8")
        super()._format()


def token(*, lasts_s: int = 3600) -> str:
    """A token that this broker takes: unsigned, as Kafka's own default for development has it (RFC 7515, A.5)."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + lasts_s})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""])
