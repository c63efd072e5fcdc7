"""No evasion gains more than may be; the whole table is ``python -m tests.evasion``."""

from __future__ import annotations

from functools import cache

import pytest

from tests.evasion.attacks import ATTACKS, PLAIN, Attack
from tests.evasion.run import Seen, held, seen

SHARE, MINUTES = 0.05, 11


@cache
def plain() -> Seen:
    return seen(PLAIN, SHARE, minutes=MINUTES)


def test_the_attack_pages_without_evasion():
    assert plain().page_s is not None


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_evasion_gains_no_more_than_twice_the_time(attack: Attack):
    assert held(seen(attack, SHARE, minutes=MINUTES), plain())
