"""The common options of commands, the way to settings and database, and the exit codes of errors.

@click.command(epilog="Example: driftline incidents list --json")
@database_options
@json_option
@errors_to_exit_codes
def list_(config: Path | None, database: str | None, as_json: bool) -> None:
    with open_store(config=config, database=database) as stores: ...
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from detectors.compile_notices import notices
from monitor.errors import DriftlineError, SettingsError, TryAgain

if TYPE_CHECKING:  # loaded inside the functions: --help need not wait for pydantic and SQLAlchemy
    from monitor.settings import Settings
    from monitor.storage.stores import Stores

_JSON = "driftline.json"
P = ParamSpec("P")
R = TypeVar("R")


class Exit(IntEnum):
    """Exit codes, as README.md lists them; 75 is EX_TEMPFAIL of sysexits.h, 130 is 128 + SIGINT."""

    failed = 1
    settings = 2
    regressed = 3
    try_again = 75
    interrupted = 130


def config_option(command: Callable[P, R]) -> Callable[P, R]:
    """``--config``: the settings file; None where it is not given."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="DRIFTLINE_CONFIG",
        show_envvar=True,
        help="Settings file.  [default: driftline.yaml]",
    )(command)


def database_option(command: Callable[P, R]) -> Callable[P, R]:
    """``--database``: a URL in place of that of the settings; None where it is not given."""
    return click.option(
        "--database",
        metavar="URL",
        envvar="DRIFTLINE_DATABASE",
        show_envvar=True,
        help="Database, in place of that of the settings.",
    )(command)


def database_options(command: Callable[P, R]) -> Callable[P, R]:
    """``--config`` and ``--database``, for commands that need the database alone."""
    return config_option(database_option(command))


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def json_of_change_option(command: Callable[P, R]) -> Callable[P, R]:
    """``--json`` for commands that change something: read by :func:`wants_json`, not passed on."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_JSON] = value

    return click.option(
        "--json", is_flag=True, expose_value=False, callback=remember, help="Print JSON instead of text."
    )(command)


def wants_json() -> bool:
    """Whether the command that runs was given ``--json``."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    return bool(context.meta.get(_JSON) or context.params.get("as_json"))


def settings_from(config: Path | None, *, database: str | None = None) -> Settings:
    """The settings, with the database of the command line if one is given.

    Raises:
        SettingsError: one line per problem.
    """
    from monitor.settings import load_settings

    return load_settings(config, database=database)


def database_from(*, config: Path | None, database: str | None) -> str:
    """URL of the database: of the command line, else of the settings, else the default where there is no file.

    Raises:
        SettingsError: there are settings, and they are wrong.
    """
    from monitor.settings import DEFAULT_FILE
    from monitor.settings.environment import PREFIX
    from monitor.settings.model import DEFAULT_DATABASE, database_url

    if database is not None:
        try:
            return database_url(database)
        except ValueError as error:
            raise SettingsError(f"--database: {error}") from None
    set_by_variables = any(name.upper().startswith(PREFIX) for name in os.environ)
    if config is None and not set_by_variables and not Path(DEFAULT_FILE).exists():
        return DEFAULT_DATABASE
    return settings_from(config).open_database_url()


def open_store(*, config: Path | None, database: str | None) -> AbstractContextManager[Stores]:
    """The stores of :func:`database_from`'s database; leaving closes them.

    Raises:
        SettingsError, StoreRefused, StoreUnavailable: as from the two steps.
    """
    from monitor.storage.stores import open_stores

    return open_stores(database_from(config=config, database=database))


def moment_ms(text: str, option: str) -> int:
    """The time that an option gives, in epoch milliseconds.

    Raises:
        SettingsError: it is not a time, or has no time zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option}: {text[:40]!r} is not a time such as 2026-11-01T00:00Z") from None
    if at.tzinfo is None:
        raise SettingsError(f"{option}: {text[:40]!r} has no time zone; add Z or an offset")
    return round(at.timestamp() * 1000)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def errors_to_exit_codes(command: Callable[P, R]) -> Callable[P, R]:
    """Errors that Driftline raises on purpose become a message and an exit code; others keep their traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        _print_whatever_comes()
        notices.report = lambda text: click.echo(f"driftline: {text}", err=True)
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
        except DriftlineError as error:
            _fail(str(error) or type(error).__doc__ or type(error).__name__, _code(error), kind=type(error).__name__)
        except BrokenPipeError:
            # The reader (head, less) has seen enough. Python would complain once more when it closes stdout.
            _print_no_more()
            sys.exit(0)
        except OSError as error:
            # A full disk, a directory that cannot be written: the machine's trouble, and no traceback helps with it.
            _print_no_more()
            what = error.filename or "standard output"
            _fail(f"{what}: {error.strerror or error}", Exit.failed)
        except KeyboardInterrupt:
            sys.exit(Exit.interrupted)
        return result

    return wrapped


def _print_whatever_comes() -> None:
    """Characters that the terminal or file cannot take become question marks; the rest is not lost for them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _print_no_more() -> None:
    """Python would fail once more when it flushes standard output at the end."""
    with suppress(OSError, ValueError):  # under test there is no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _code(error: DriftlineError) -> Exit:
    if isinstance(error, SettingsError):
        return Exit.settings
    return Exit.try_again if isinstance(error, TryAgain) else Exit.failed


def _fail(message: str, code: Exit, *, kind: str = "OSError") -> NoReturn:
    """End with this code; the message goes to standard error, under ``--json`` as a document."""
    if wants_json():
        click.echo(json.dumps({"error": {"kind": kind, "exit_code": int(code), "message": message}}), err=True)
        sys.exit(code)
    for line in message.splitlines():
        click.echo(f"driftline: {line}", err=True)
    sys.exit(code)
