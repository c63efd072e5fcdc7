"""The key under which identifiers and texts are hashed: from the settings, or made and kept beside the database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from monitor.errors import SettingsError
from monitor.settings.model import Settings

KEY_BYTES: Final = 32
_LOG: Final = structlog.stdlib.get_logger("driftline.privacy")


def hash_key(settings: Settings, env: Mapping[str, str]) -> bytes:
    """The key, 32 bytes or as long as the team's own.

    Raises:
        SettingsError: the place that the settings name holds no usable key, or the kept one cannot be read.
    """
    place = settings.privacy.key
    if place is not None:
        key = place.read(env).encode()
        if not 16 <= len(key) <= 64:
            raise SettingsError(f"privacy: the key in {place} must have 16 to 64 bytes, it has {len(key)}")
        return key
    file = _sqlite_file(settings.open_database_url(env))
    if file is not None:
        return _kept(file.with_name(file.name + ".key"))
    _LOG.warning(
        "privacy key is random",
        consequence="fingerprints of two processes or runs cannot be compared",
        way_out="set privacy.key_file or privacy.key_env",
    )
    return secrets.token_bytes(KEY_BYTES)


def _kept(path: Path) -> bytes:
    """The key in this file, readable by its owner only; made on first use."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise SettingsError(
                f"privacy: {path} must hold {KEY_BYTES} bytes, it has {len(key)}; delete it to have a new one made"
            ) from None
        return key
    except OSError as error:
        raise SettingsError(f"privacy: key file {path} cannot be made: {error.strerror or error}") from error
    key = secrets.token_bytes(KEY_BYTES)
    with open(descriptor, "wb") as out:
        out.write(key)
    return key


def _sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database that has one."""
    if not url.startswith("sqlite:///"):
        return None
    name = url.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if name and name != ":memory:" else None
