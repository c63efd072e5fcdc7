"""A schema registry that answers as Confluent's does: error codes, references by subject, Protobuf serialised."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from google.protobuf.descriptor_pb2 import FileDescriptorProto

USER, PASSWORD = "driftline", "SECRET-registry"


@dataclass
class FakeRegistry:
    """Schemas by number, and by subject and version; ``asked`` are the paths of all requests."""

    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    subjects: dict[tuple[str, int], int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    down: bool = False

    def add(
        self, kind: str, schema: Any, *, subject: str = "", references: list[dict[str, Any]] | None = None
    ) -> int:
        number = len(self.schemas) + 1
        text = schema if isinstance(schema, str | FileDescriptorProto) else json.dumps(schema)
        self.schemas[number] = {"schemaType": kind, "schema": text, "references": references or []}
        if subject:
            self.subjects[subject, 1] = number
        return number

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        if self.status != 200:
            return httpx.Response(self.status, json={"error_code": self.status, "message": "no"})
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return httpx.Response(401, json={"error_code": 40101, "message": "Unauthorized"})
        parts = request.url.path.strip("/").split("/")
        number = None
        if parts[:2] == ["schemas", "ids"]:
            number = int(parts[2])
        elif parts[0] == "subjects":
            number = self.subjects.get((parts[1], int(parts[3])))
        if number not in self.schemas:
            return httpx.Response(404, json={"error_code": 40403, "message": "Schema not found"})
        known = self.schemas[number]
        text, kind = known["schema"], known["schemaType"]
        if isinstance(text, FileDescriptorProto):
            serialised = request.url.params.get("format") == "serialized"
            text = base64.b64encode(text.SerializeToString()).decode() if serialised else 'syntax = "proto3";'
        body = {"schema": text, "references": known["references"]}
        if kind != "AVRO":
            body["schemaType"] = kind  # left out for Avro, as Confluent does
        if parts[0] == "subjects":
            body |= {"subject": parts[1], "version": 1, "id": number}
        return httpx.Response(200, json={key: value for key, value in body.items() if value != []})
