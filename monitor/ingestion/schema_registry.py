"""Client of a schema registry with Confluent's HTTP API: schemas by number, with what they import, each fetched once.

Source: docs.confluent.io/platform/current/schema-registry/develop/api (``GET /schemas/ids/{id}``,
``GET /subjects/{subject}/versions/{version}``; ``format=serialized`` gives Protobuf as a descriptor in base64).
Numbers come from the records, so anyone who may produce can ask for any of them: those that there are not are
remembered for a minute, and no more than :data:`MAX_UNKNOWN` of them are asked for in that time.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from monitor.errors import SourceRefused, SourceUnavailable
from monitor.events.envelopes.schemas import Kind, Schema
from monitor.settings.secret import SecretPlace

MAX_BYTES: Final = 4 << 20
MAX_REFERENCES: Final = 100
MAX_UNKNOWN: Final = 100
UNKNOWN_FOR_S: Final = 60.0
_KINDS: Final[dict[str, Kind]] = {"AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON"}
_HEADERS: Final = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """Address of the registry and its login.

    Attributes:
        url: without a slash at its end.
        username, password: both or neither; the password is read when the client is made.
        ca_file: authorities to trust beside the system's.
        timeout_s: longest wait for an answer.
    """

    url: str
    username: str | None = None
    password: SecretPlace | None = None
    ca_file: Path | None = None
    timeout_s: float = 10.0


class SchemaRegistry:
    """Schemas by number. Never follows a redirect, reads no proxy or password from the environment.

    Raises:
        SettingsError: the password cannot be read.
    """

    def __init__(
        self,
        options: RegistryOptions,
        *,
        transport: httpx.BaseTransport | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        transport: in place of the network, for tests.
        timer: seconds, for how long an unknown number is remembered.
        """
        auth = None
        if options.username is not None and options.password is not None:
            auth = httpx.BasicAuth(options.username, options.password.read())
        tls = ssl.create_default_context()
        if options.ca_file is not None:
            tls.load_verify_locations(cafile=options.ca_file)
        self._http = httpx.Client(
            auth=auth,
            verify=tls,
            timeout=options.timeout_s,
            trust_env=False,
            follow_redirects=False,
            headers=_HEADERS,
            transport=transport,
        )
        self._url = options.url
        self._host = httpx.URL(options.url).host
        self._timer = timer
        self._known: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}

    def schema(self, number: int) -> Schema | None:
        """The schema of this number; None if there is none.

        Raises:
            SourceUnavailable: the registry cannot be reached, is busy or broken: try again.
            SourceRefused: it does not let us in, or does not answer like a registry.
        """
        if number in self._known:
            return self._known[number]
        now = self._timer()
        self._unknown = {one: until for one, until in self._unknown.items() if until > now}
        if number in self._unknown or len(self._unknown) >= MAX_UNKNOWN:
            return None
        found = self._get(f"/schemas/ids/{number}")
        if found is None:
            self._unknown[number] = now + UNKNOWN_FOR_S
            return None
        self._known[number] = schema = self._read(found, f"/schemas/ids/{number}", [MAX_REFERENCES])
        return schema

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _read(self, found: dict[str, Any], path: str, room: list[int]) -> Schema:
        kind = _KINDS.get(str(found.get("schemaType") or "AVRO"))
        if kind is None:
            raise SourceRefused(f"schema registry {self._host}: {path} is neither AVRO, PROTOBUF nor JSON")
        if kind == "PROTOBUF":
            found = self._get(f"{path}?format=serialized") or found
        text = found.get("schema")
        if not isinstance(text, str):
            raise SourceRefused(f"schema registry {self._host}: {path} has no schema in it")
        references = found.get("references") or [] if kind != "JSON" else []
        return Schema(kind, text, {str(one.get("name")): self._reference(one, room) for one in references})

    def _reference(self, one: dict[str, Any], room: list[int]) -> Schema:
        room[0] -= 1
        if room[0] < 0:
            raise SourceRefused(f"schema registry {self._host}: a schema has more than {MAX_REFERENCES} references")
        path = f"/subjects/{quote(str(one.get('subject')), safe='')}/versions/{int(one.get('version') or 0)}"
        found = self._get(path)
        if found is None:
            raise SourceRefused(f"schema registry {self._host}: a schema refers to one that there is not: {path}")
        return self._read(found, path, room)

    def _get(self, path: str) -> dict[str, Any] | None:
        """The answer as an object; None for 404."""
        try:
            with self._http.stream("GET", f"{self._url}{path}") as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise SourceRefused(f"schema registry {self._host}: an answer of more than {MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"schema registry {self._host}: {type(error).__name__}") from error
        status = response.status_code
        if status == httpx.codes.NOT_FOUND:
            return None
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise SourceUnavailable(f"schema registry {self._host}: answers {status}")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise SourceRefused(
                f"schema registry {self._host}: answers {status}; check source.schema_registry.username and password"
            )
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if status != httpx.codes.OK or not isinstance(answer, dict):
            raise SourceRefused(f"schema registry {self._host}: answers {status} and no schema; check its URL")
        return answer
