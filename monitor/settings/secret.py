"""The place of a secret. Settings name the place; the value is read when it is needed and never kept in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.errors import SettingsError

MAX_BYTES: Final = 64 * 1024
"""A key, password or token is a line; anything longer is the wrong file."""


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """A file (its first line) or an environment variable; exactly one of the two."""

    file: Path | None = None
    variable: str | None = None

    def __str__(self) -> str:
        return f"file {self.file}" if self.file is not None else f"environment variable {self.variable}"

    def read(self, env: Mapping[str, str] = os.environ) -> str:
        """The secret as it is there now: files may be rotated.

        Raises:
            SettingsError: nothing is there.
        """
        if self.file is None:
            value = env.get(self.variable or "", "").strip()
        else:
            try:
                with self.file.open("rb") as content:
                    value = content.read(MAX_BYTES).split(b"\n", 1)[0].decode("utf-8").strip()
            except OSError as error:
                raise SettingsError(f"secret in {self}: {error.strerror or error}") from error
            except UnicodeDecodeError:
                raise SettingsError(f"secret in {self}: is not UTF-8 text") from None
        if not value:
            raise SettingsError(f"secret in {self}: is {'empty' if self.file else 'not set'}")
        return value


def place_of(file: Path | None, variable: str | None) -> SecretPlace | None:
    """The place that two settings name; None if neither is given.

    Raises:
        ValueError: both are given.
    """
    if file is not None and variable is not None:
        raise ValueError("give a file or an environment variable, not both")
    return None if file is None and variable is None else SecretPlace(file=file, variable=variable)
