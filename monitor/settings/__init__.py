"""The settings file: ``source`` and ``budget`` must be given, everything else has a default.

settings = load_settings("driftline.yaml")
settings.budget.pages, settings.ticks.length.ms, settings.limits.record_bytes
"""

from monitor.settings.load import DEFAULT_FILE, SettingsWithOrigin, load_settings, read_settings
from monitor.settings.model import Settings

__all__ = ["DEFAULT_FILE", "Settings", "SettingsWithOrigin", "load_settings", "read_settings"]
