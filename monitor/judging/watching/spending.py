"""Spend of all tests together, by what their alarms are: in false alarms, the bound on the number expected.

    spending.book(test, PAGE)       what a test of the evidence engine spends counts as that of pages
    spending.end(test)              removes the test; its spend stays counted
    spending.add(PAGE, alpha)       spent at once, outside the engines
    spending.sums()                 since this memory was built or restored, by account

A test that nobody has booked is an any-change test; so is every dense test.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.evidence import Evidence
from monitor.judging.watching.dense import DenseTests

NOTICE: Final = 0
PAGE: Final = 1
END: Final = 2
"""The end of a page: no part of the budget."""
ACCOUNTS: Final = ("notice", "page", "end")


class Spending:
    """Spend of one panel's tests, with that of tests which are gone. Each judge's memory begins at its own zero."""

    def __init__(self, evidence: Evidence, dense: DenseTests) -> None:
        self._evidence = evidence
        self._dense = dense
        self._account = np.full(64, NOTICE, np.int64)
        """Account by id of the test."""
        self._other = np.zeros(len(ACCOUNTS))
        """Spend by account that no test holds: of those that are gone, and outside the engines."""

    def book(self, test: int, account: int) -> None:
        """The spend of this test counts there from now on."""
        self._room(test + 1)
        self._account[test] = account

    def end(self, test: int) -> None:
        """Removes the test from its engine; its id may be handed out again."""
        self._room(test + 1)
        self._other[self._account[test]] += self._evidence.total_spend()[test]
        self._account[test] = NOTICE
        self._evidence.remove(test)

    def end_dense(self, test: int) -> None:
        """Removes a dense test."""
        self._other[NOTICE] += self._dense.spent(test)
        self._dense.remove(test)

    def add(self, account: int, spend: float) -> None:
        """Spent at once."""
        self._other[account] += spend

    def sums(self) -> NDArray[np.float64]:
        """Spend by account; only differences mean anything, for a restored test brings what it had spent."""
        spent = self._evidence.total_spend()
        self._room(len(spent))
        out = self._other + np.bincount(self._account[: len(spent)], spent, len(ACCOUNTS))
        out[NOTICE] += self._dense.total_spend()
        return out

    def _room(self, size: int) -> None:
        if size > len(self._account):
            more = np.full(max(size, 2 * len(self._account)), NOTICE, np.int64)
            more[: len(self._account)] = self._account
            self._account = more
