"""The followers, in the order in which they report of the same ticks. A new one is enrolled by its line here."""

from __future__ import annotations

from typing import Final

from monitor.judging.follower import Follower
from monitor.judging.followers.alarms import Alarms
from monitor.judging.followers.campaigns import Campaigns
from monitor.judging.followers.contradictions import Contradictions
from monitor.judging.followers.lost_joins import LostJoins
from monitor.judging.followers.new_units import NewUnits
from monitor.judging.followers.silence import Silence
from monitor.judging.followers.source_silence import SourceSilence
from monitor.judging.followers.volume import Volume
from monitor.judging.release.follow import Releases
from monitor.judging.traffic.mix_monitor import Traffic

FOLLOWERS: Final[tuple[type[Follower], ...]] = (
    Silence,
    Volume,
    SourceSilence,
    Contradictions,
    NewUnits,
    Traffic,
    Releases,
    Alarms,
    Campaigns,
    LostJoins,
)
"""The order is part of what makes the same findings: of one tick, what is reported first opens the incident."""
