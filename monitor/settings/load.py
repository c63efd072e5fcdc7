"""Reads settings from a file and the environment, or lists everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from monitor.errors import SettingsError
from monitor.settings.environment import PREFIX, overlay
from monitor.settings.model import Settings
from monitor.settings.problems import sentences
from monitor.settings.yaml_file import read_yaml_file

DEFAULT_FILE: Final = "driftline.yaml"


@dataclass(frozen=True, slots=True)
class SettingsWithOrigin:
    """Settings and where they came from.

    Attributes:
        settings: the settings.
        file: the settings file; None if there was none.
        variables: environment variable (or ``--database``) per path of keys and list positions.
    """

    settings: Settings
    file: Path | None
    variables: Mapping[tuple[str | int, ...], str]


def load_settings(
    path: Path | str | None = None, *, env: Mapping[str, str] = os.environ, database: str | None = None
) -> Settings:
    """The settings of one file, with ``DRIFTLINE__SECTION__KEY`` variables over it.

    Args:
        path: the file; None means ``driftline.yaml`` in the working directory.
        env: environment variables.
        database: URL in place of whatever file and environment say about the database.

    Raises:
        SettingsError: one line per problem.
    """
    return read_settings(path, env=env, database=database).settings


def read_settings(
    path: Path | str | None = None, *, env: Mapping[str, str] = os.environ, database: str | None = None
) -> SettingsWithOrigin:
    """The same as :func:`load_settings`, with the source of each value."""
    file: Path | None = Path(DEFAULT_FILE if path is None else path)
    overridden = any(name.upper().startswith(PREFIX) for name in env)
    if file is not None and not file.exists():
        # Containers may set everything by variables; a file that was asked for by name must be there.
        if path is not None or not overridden:
            raise SettingsError(
                f"{file}: no such file; name one with --config, or begin with: driftline config example > {file}"
            )
        file = None
    tree, variables = overlay({} if file is None else read_yaml_file(file), env)
    if database is not None:
        tree.pop("database_file", None)
        tree["database"] = database
        variables[("database",)] = "--database"
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        name = "environment" if file is None else str(file)
        raise SettingsError("\n".join(sentences(error, file=name, origin=variables))) from None
    return SettingsWithOrigin(settings=settings, file=file, variables=variables)
