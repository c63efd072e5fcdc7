"""Secrets come from an environment variable or a file, never from the settings file itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from monitor.errors import SettingsError

FEWEST_BYTES: Final = 16
"""128 bits, if they are random: what an HMAC key should have at least (RFC 2104, section 3)."""
MOST_BYTES: Final = 4096


def read_secret(*, setting: str, environ: Mapping[str, str], env: str | None, file: Path | None) -> bytes | None:
    """The secret that the environment variable ``env`` or the ``file`` holds; None where neither is named.

    White space around it is dropped: files usually end with a line feed.

    Raises:
        SettingsError: both are named, or the one named is missing, too short or too long; the text never holds
            the secret.
    """
    if env is not None and file is not None:
        raise SettingsError(f"{setting}: name either an environment variable or a file for the secret, not both")
    if env is not None:
        where = f"environment variable {env}"
        if env not in environ:
            raise SettingsError(f"{setting}: {where} is not set")
        secret = environ[env].strip().encode("utf-8", "surrogateescape")
    elif file is not None:
        where = f"file {file}"
        try:
            with file.open("rb") as stream:
                secret = stream.read(MOST_BYTES + 1).strip()
        except OSError as error:
            raise SettingsError(f"{setting}: {where} cannot be read: {error.strerror}") from error
    else:
        return None
    if not FEWEST_BYTES <= len(secret) <= MOST_BYTES:
        raise SettingsError(
            f"{setting}: {where} holds {len(secret)} bytes, {FEWEST_BYTES} to {MOST_BYTES} are allowed; "
            "`openssl rand -hex 32` makes a good one"
        )
    return secret
