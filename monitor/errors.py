"""Errors, named for the reaction that they call for.

DriftlineError
├── SettingsError         fix the settings: names key, value and allowed range; exit code 2
├── TryAgain              passing trouble: back off, then the same step again
│   ├── SourceUnavailable
│   └── StoreUnavailable
├── Fenced                another process owns it now: stop this piece of work, write nothing more
├── SourceRefused         trying again will not make the log readable: stop and report it
├── StoreRefused          the database will not take it by trying again (schema missing, wrong version)
└── NotFound, Refused     a person requested something that does not exist, or is not allowed now; exit code 1
"""

from __future__ import annotations


class DriftlineError(Exception):
    """Any error that Driftline raises on purpose."""


class SettingsError(DriftlineError):
    """A setting is missing, unknown or out of range."""


class TryAgain(DriftlineError):  # noqa: N818 - named for the reaction
    """Passing trouble: the same step may succeed later."""


class SourceUnavailable(TryAgain):
    """The log cannot be read at the moment."""


class StoreUnavailable(TryAgain):
    """The database cannot be reached at the moment, or the transaction lost a race that may be run again."""


class Fenced(DriftlineError):  # noqa: N818 - named for the reaction
    """Another worker or judge has taken over; nothing was written."""


class SourceRefused(DriftlineError):  # noqa: N818 - named for the reaction
    """The log refuses us, and will again."""


class StoreRefused(DriftlineError):  # noqa: N818 - named for the reaction
    """The database refuses us, and will again."""


class NotFound(DriftlineError):  # noqa: N818 - named for the reaction
    """A requested thing does not exist."""


class Refused(DriftlineError):  # noqa: N818 - named for the reaction
    """A requested action is not allowed in the present state."""
