"""The sync: for each object compare, write what is needed, read back, and say what the server did not keep.

A mark in each object (``wish.found``) holds two fingerprints: of what we wished when we wrote it, and of what the
server then gave back. So a later sync knows three things apart: a person has changed it (it no longer is as it was
given back), we wish something else now, and the server cannot hold what we wish.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from monitor.grafana.desired import Desired, Document
from monitor.grafana.sync import apis, provisioning
from monitor.grafana.sync.compare import Difference, differences, fingerprint
from monitor.grafana.sync.holders import Dashboards, DataSources, Folders, Held, Holder
from monitor.grafana.sync.server import GrafanaRefused, ProvisionedElsewhere, Server


class Action(StrEnum):
    """What was done with an object, or would be."""

    created = "created"
    updated = "updated"
    removed = "removed"
    unchanged = "unchanged"
    kept = "kept"
    """A person has changed it: it stays so, unless ``overwrite`` is asked for."""
    not_ours = "not ours"
    """Somebody else alone may change it, such as file provisioning."""
    refused = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """One object.

    Attributes:
        kind, uid: which.
        action: what was done, or would be done.
        changes: the fields that differed before.
        not_held: the fields that the server does not keep as they were written.
        why: in words, where it is not plain.
    """

    kind: str
    uid: str
    action: Action
    changes: tuple[Difference, ...] = ()
    not_held: tuple[Difference, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How to sync.

    Attributes:
        dry_run: write nothing.
        overwrite: also what people have changed.
    """

    dry_run: bool = False
    overwrite: bool = False


def sync(server: Server, wish: Desired, options: Options, *, key: bytes) -> Iterator[Step]:
    """Bring Grafana to the wish, step by step; what depends on another thing comes after it.

    Args:
        server: the Grafana.
        wish: what ought to be there.
        options: how.
        key: under which secrets are digested into the marks; another key writes them once more.

    Raises:
        GrafanaUnavailable: it does not answer; the next sync goes on.
        GrafanaRefused: the token is not accepted, or this is no Grafana.
    """
    _require_grafana(server)
    alerting = apis if apis.offered(server) else provisioning
    wished: Sequence[tuple[Holder, Mapping[str, Document]]] = (
        (Folders(server), wish.folders),
        (DataSources(server), wish.data_sources),
        (Dashboards(server), wish.dashboards),
        (alerting.Rules(server), wish.rules),
        (alerting.ContactPoints(server), wish.contact_points),
        (alerting.Routes(server), wish.routes),
    )
    for holder, documents in wished:
        yield from _Kind(holder, documents, wish.secrets, options, key).written()
    for holder, documents in reversed(wished):
        yield from _Kind(holder, documents, wish.secrets, options, key).cleared()


def _require_grafana(server: Server) -> None:
    health = server.get("/api/health")
    if not isinstance(health, dict) or "database" not in health:
        raise GrafanaRefused(f"{server.host}: /api/health is not that of a Grafana", status=0)


@dataclass(frozen=True, slots=True)
class _Kind:
    holder: Holder
    wish: Mapping[str, Document]
    secrets: Mapping[str, Mapping[str, str]]
    options: Options
    key: bytes

    def written(self) -> Iterator[Step]:
        """Everything that is wished."""
        held = self.holder.held(self.wish)
        for uid, document in self.wish.items():
            yield self._attempt(uid, partial(self._one, uid, document, held.get(uid)))

    def cleared(self) -> Iterator[Step]:
        """Everything that we made and nobody wishes any more."""
        for uid, one in self.holder.held(self.wish).items():
            if uid in self.wish or one.owner:
                continue
            if self.holder.marked and _touched(one) and not self.options.overwrite:
                yield self._step(uid, Action.kept, why="it is no longer wanted, but a person has changed it")
            else:
                yield self._attempt(uid, partial(self._removed, uid))

    def _removed(self, uid: str) -> Step:
        if not self.options.dry_run:
            self.holder.remove(uid)
        return self._step(uid, Action.removed, why="it is no longer wanted")

    def _attempt(self, uid: str, deed: Callable[[], Step]) -> Step:
        try:
            return deed()
        except ProvisionedElsewhere as error:
            return self._step(uid, Action.not_ours, why=f"file provisioning owns it: {error}")
        except GrafanaRefused as error:
            if error.status == 401:
                raise
            return self._step(uid, Action.refused, why=str(error))

    def _one(self, uid: str, document: Document, have: Held | None) -> Step:
        if have is None:
            return self._write(uid, document, Action.created, (), before=None)
        found = tuple(differences(document, have.document))
        if have.owner:
            return self._step(uid, Action.not_ours, found, why=f"it belongs to {have.owner}")
        wished = self._wish_mark(uid, document)
        if self.holder.marked:
            same_wish, touched = have.mark.partition(".")[0] == wished, _touched(have)
        else:
            # Without a mark: what the server lacks altogether it cannot hold; anything else somebody has changed.
            same_wish = all(one.absent for one in found)
            touched = not same_wish and not self.holder.locked
        if same_wish and not (touched and found):
            return self._step(uid, Action.unchanged, not_held=(*found, *have.lost))
        if touched and not self.options.overwrite:
            return self._step(uid, Action.kept, found, why="a person has changed it; --overwrite writes it anew")
        return self._write(uid, document, Action.updated, found, before=have)

    def _write(
        self, uid: str, document: Document, action: Action, changes: tuple[Difference, ...], *, before: Held | None
    ) -> Step:
        if self.options.dry_run:
            return self._step(uid, action, changes)
        wished, secrets = self._wish_mark(uid, document), self.secrets.get(uid, {})
        mark = f"{wished}.{fingerprint(document)}"
        self.holder.write(uid, document, mark=mark, secrets=secrets, exists=before is not None)
        after = self.holder.read(uid)
        if after is None:
            return self._step(uid, Action.refused, changes, why="the server took it, and does not have it")
        true_mark = f"{wished}.{fingerprint(after.document)}"
        if self.holder.marked and after.mark != true_mark:
            self.holder.write(uid, document, mark=true_mark, secrets=secrets, exists=True)
        return self._step(uid, action, changes, not_held=(*differences(document, after.document), *after.lost))

    def _wish_mark(self, uid: str, document: Document) -> str:
        secrets = self.secrets.get(uid, {})
        hidden = {
            name: hmac.new(self.key, secret.encode(), hashlib.sha256).hexdigest() for name, secret in secrets.items()
        }
        return fingerprint([document, hidden])

    def _step(
        self,
        uid: str,
        action: Action,
        changes: tuple[Difference, ...] = (),
        *,
        not_held: tuple[Difference, ...] = (),
        why: str = "",
    ) -> Step:
        return Step(self.holder.kind, uid, action, changes, not_held, why)


def _touched(one: Held) -> bool:
    """Whether it is no longer as the server gave it back when we wrote it, or was never written by us."""
    return one.mark.partition(".")[2] != fingerprint(one.document)
