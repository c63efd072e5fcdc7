"""Places of the demo's packages, found without running them.

Importing `profanity_check` or `guardify` unpickles their models at once, before anybody could check them; so the
demo only asks where a package is and reads its files itself.
"""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path

from monitor.errors import DriftlineError

INSTALL_HINT = "pip install 'driftline[demo]'"


class DemoPackageMissing(DriftlineError):  # noqa: N818 - named for the situation, as its parents are
    """A package of the `demo` extra is not installed."""


def package_folder(import_name: str) -> Path:
    """Folder of an installed top-level package, without importing it.

    Raises:
        DemoPackageMissing: it is not installed; the message gives the command that installs it.
    """
    spec = importlib.util.find_spec(import_name)
    if spec is None or spec.origin is None:
        raise DemoPackageMissing(f"the demo needs the package {import_name!r}: run  {INSTALL_HINT}")
    return Path(spec.origin).parent


def package_version(distribution: str) -> str:
    """Installed version of a distribution, such as ``prompt-guardrail``.

    Raises:
        DemoPackageMissing: it is not installed; the message gives the command that installs it.
    """
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise DemoPackageMissing(f"the demo needs the package {distribution!r}: run  {INSTALL_HINT}") from None
