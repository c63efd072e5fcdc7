"""Schemas of a registry, for envelopes; ingestion fetches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["AVRO", "PROTOBUF", "JSON"]


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema.

    Attributes:
        kind: its language.
        text: Avro as JSON; Protobuf as a serialised ``FileDescriptorProto`` in base64; JSON Schema is not looked at.
        references: what it imports, by the names that it imports them under.
    """

    kind: Kind
    text: str
    references: Mapping[str, Schema] = field(default_factory=dict)


class Schemas(Protocol):
    """Places of schemas."""

    def schema(self, number: int) -> Schema | None:
        """The schema of this number; None if there is none.

        Raises:
            TryAgain: it cannot be asked for at the moment. No record may be given up for that.
            SourceRefused: it will not be given to us.
        """
