# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the agents' containers: one list call, one inspect for each running agent, ``/proc`` for the rest."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import Any, Iterable, Iterator, Mapping, Protocol, Sequence

from .._agents import shared_logins as _sharing
from .._agents.config import AgentSpec
from .._agents.placement import (
    Placed,
    environment_of,
    find_user,
    needed_passwd,
    place,
    place_unseen,
)
from .._base.errors import EngineError, NotFoundError
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._engine import mounts as _mounts
from .._host import process_root
from .._host.filesystem import DirectoryFacts
from .._host.reading import fingerprint
from . import clone as _clone
from . import plan as _model
from . import recovery as _recovery

Document = Mapping[str, Any]


class ReadingEngine(Protocol):
    """What of the engine is needed to look at containers."""

    api_version: tuple[int, int]
    is_local: bool

    def containers(self) -> list[Document]: ...
    def inspect(self, container: str) -> Document: ...
    def inspect_image(self, image: str) -> Document | None: ...
    def changes(self, container: str) -> tuple[Document, ...]: ...
    def read_file(self, container: str, path: str) -> bytes | None: ...
    def output(self, container: str, command: Sequence[str]) -> str | None: ...
    def layer_directory(self, container: str) -> str | None: ...


class ReadingHost(Protocol):
    """What of the managed host is needed."""

    def directory(self, path: str) -> DirectoryFacts: ...
    def realpath(self, path: str) -> str: ...

    def root(self, pid: int, container_id: str) -> process_root.ContainerRoot:
        raise NotImplementedError  # from a bare `...` pylint infers that None is entered by `with`


@dataclass(frozen=True)
class Listing:
    """The engine's containers by their names, from one list call."""

    rows: Mapping[str, Document]

    @classmethod
    def of(cls, engine: ReadingEngine) -> Listing:
        # A name with a second slash is a link's; the engine's own name filter would match substrings.
        return cls(
            {
                name[1:]: row
                for row in engine.containers()
                for name in row.get("Names") or ()
                if name.startswith("/") and "/" not in name[1:]
            }
        )

    def unfinished(self) -> list[str]:
        """Names of the containers whose recreation did not end, on the whole host."""
        return sorted(
            {name[: -len(suffix)] for name in self.rows for suffix in (SUFFIX_NEW, SUFFIX_OLD) if name.endswith(suffix)}
        )


def observe(engine: ReadingEngine, host: ReadingHost, listing: Listing, spec: AgentSpec) -> _model.Observed:
    """One agent's container as it is now."""
    directory = host.directory(spec.directory)
    spec = replace(spec, directory=directory.path)
    blank = _model.Observed(spec, directory, placed=place_unseen(spec))
    row = listing.rows.get(spec.container)
    if row is None:
        return blank
    observed = replace(blank, id=row["Id"], state=str(row["State"]), mounts=_mounts.from_engine(row.get("Mounts")))
    if observed.state in _model.RUNNING_STATES:
        observed = _look_inside(engine, host, observed)
    elif observed.placed is None:
        observed = with_container(engine, observed, engine.inspect(row["Id"]))
    return _with_mount_source(host, observed)


def with_container(engine: ReadingEngine, observed: _model.Observed, container: Document) -> _model.Observed:
    """``observed`` with what only the inspect document and the container's ``/etc/passwd`` tell."""
    passwd = engine.read_file(container["Id"], "/etc/passwd") or b""
    return _with_user(observed, container, passwd)


def _with_user(observed: _model.Observed, container: Document, passwd: bytes) -> _model.Observed:
    config = container["Config"]
    name, text = config.get("User") or "", passwd.decode("utf-8", "replace")
    user = find_user(name, text)
    environment = environment_of(config.get("Env"))
    generated = needed_passwd(observed.spec, name, text, environment.get("HOME"))
    placed = place(observed.spec, environment, user.home if user else None, generated)
    return replace(observed, container=container, user=user, placed=placed)


def _look_inside(engine: ReadingEngine, host: ReadingHost, observed: _model.Observed) -> _model.Observed:
    container = engine.inspect(str(observed.id))
    observed = replace(observed, container=container)
    try:
        if not engine.is_local:
            raise process_root.NotProven("the engine is not on this host")
        with host.root(int(container["State"]["Pid"]), container["Id"]) as root:
            observed = _with_user(observed, container, root.read("/etc/passwd") or b"")
            placed = observed.placed
            if placed is None:
                return observed
            seen = root.see(placed.mount.target)
            identity = seen.identity if seen.kind == "directory" else (0, 0)
            return replace(observed, seen=identity, link_state=_link_state(root, observed, placed))
    except process_root.NotProven as reason:
        if observed.placed is None or observed.user is None:
            observed = with_container(engine, observed, container)
        return replace(observed, unproven=str(reason))


def _link_state(root: process_root.ContainerRoot, observed: _model.Observed, placed: Placed) -> str | None:
    if placed.link is None:
        return None
    if any(mount.target == placed.link for mount in observed.mounts):
        return "missing"
    there = root.link(placed.link)
    if there.kind == "link" and there.link_target == placed.link_target(observed.spec.cli):
        return "ok"
    # An empty file is what the engine leaves where a file mount was.
    is_own = there.kind == "file" and there.fingerprint != fingerprint(b"")
    return "file" if is_own else "missing"


def _with_mount_source(host: ReadingHost, observed: _model.Observed) -> _model.Observed:
    placed = observed.placed
    at_target = [mount for mount in observed.mounts if placed and mount.target == placed.mount.target]
    if not at_target or at_target[0].type != "bind":
        return observed
    return replace(observed, mount_source=host.realpath(at_target[0].source))


def writable_logins(observed: _model.Observed) -> list[_sharing.WritableLogin]:
    """The writable host directories in which the agent's CLI keeps its login."""
    environment = environment_of((observed.container or {}).get("Config", {}).get("Env"))
    home = observed.user.home if observed.user else None
    return _sharing.writable_logins(observed.spec, observed.placed, observed.mounts, environment, home)


def recreation_facts(engine: ReadingEngine, listing: Listing, observed: _model.Observed) -> _model.RecreationFacts:
    """What must be known beyond ``observed`` to recreate the container."""
    container = engine.inspect(str(observed.id))
    others = dict.fromkeys(row["Id"] for row in listing.rows.values() if row["Id"] != observed.id)
    return _facts(engine, container, [container, *_still_there(engine, others)])


def _still_there(engine: ReadingEngine, identities: Iterable[str]) -> Iterator[Document]:
    """The inspect documents of containers, but for those that ended and were removed since the list call."""
    for identity in identities:
        with contextlib.suppress(NotFoundError):
            yield engine.inspect(identity)


def _facts(engine: ReadingEngine, container: Document, everyone: Sequence[Document]) -> _model.RecreationFacts:
    tag = engine.inspect_image(str(container["Config"]["Image"]))
    lenders = {name.split(":", 1)[0] for name in container["HostConfig"].get("VolumesFrom") or ()}
    dependents = [
        _model.Dependent(
            _clone.uses(other, container), _clone.is_linked(other, container), _facts(engine, other, everyone)
        )
        for other in everyone
        if other["Id"] != container["Id"] and _clone.uses(other, container)
    ]
    obstacle = _layer_obstacle(engine, container)
    return _model.RecreationFacts(
        container=container,
        image=engine.inspect_image(str(container["Image"])),
        tag_image=str(tag["Id"]) if tag else None,
        api_version=engine.api_version,
        changes=engine.changes(container["Id"]),
        dependents=tuple(dependents),
        lenders=tuple(one for one in everyone if one["Name"].lstrip("/") in lenders or one["Id"] in lenders),
        layer_obstacle=obstacle,
        committed_before=_committed(engine, _name(container), container["Id"]) if obstacle else None,
    )


def _name(container: Document) -> str:
    return str(container["Name"]).lstrip("/")


def _layer_obstacle(engine: ReadingEngine, container: Document) -> str | None:
    if engine.layer_directory(container["Id"]) is not None:
        return None
    driver = (container.get("GraphDriver") or {}).get("Name")
    if not engine.is_local:
        return "the engine is on another host"
    if driver != "overlay2":
        return f"the storage driver is {driver or 'not known'}, not overlay2"
    return "this user cannot reach the engine's files (use become)"


def _committed(engine: ReadingEngine, name: str, container_id: str) -> str | None:
    """The image that a run which did not end has made of the writable layer of a container."""
    names = [_clone.committed_image(name, container_id, is_running) for is_running in (True, False)]
    return next((image for image in names if engine.inspect_image(image) is not None), None)


def remnants(engine: ReadingEngine, listing: Listing, agent: str, name: str) -> _recovery.Remnants:
    """The containers under the three names of a recreation of ``name``."""

    def look(suffix: str) -> _recovery.Remnant | None:
        row = listing.rows.get(name + suffix)
        if row is None:
            return None
        container = engine.inspect(row["Id"])
        return _recovery.Remnant(row["Id"], bool(container["State"]["Running"]), container)

    found = _recovery.Remnants(agent, name, look(""), look(SUFFIX_NEW), look(SUFFIX_OLD))
    original = found.original
    return replace(found, committed=_committed(engine, name, original.id)) if original else found


def recovery(
    engine: ReadingEngine, listing: Listing, agents: Mapping[str, str], was_running: Mapping[str, bool] | None = None
) -> tuple[_model.Operation, ...]:
    """What puts the recreations of the containers ``agents`` in order; see :func:`_recovery.recover`.

    :param agents: container → what to call it in messages.
    :param was_running: in a rollback, container → whether it is to run.
    """
    there = {row["Id"] for row in listing.rows.values()}
    found = [remnants(engine, listing, agent, name) for name, agent in agents.items()]
    operations: list[_model.Operation] = []
    # Who owns namespaces comes before who uses them: without the owner the user cannot start.
    for one in sorted(found, key=lambda it: bool(it.owners)):
        steps = _recovery.recover(
            one,
            None if was_running is None else was_running[one.name],
            frozenset(there),
        )
        operations += steps
        there -= {step.id for step in steps if step.action == "remove"}
    return tuple(operations)


_SETTLED = 0.3
"""Seconds that a container must have been running before it counts as started."""


@dataclass(frozen=True)
class Prover:
    """Proves that a container which was just started does its work; used by the executor's ``verify``."""

    engine: ReadingEngine
    host: ReadingHost

    def prove(
        self, container: str, target: str | None, directory: str, read_only: bool, healthy: bool, timeout: int
    ) -> None:
        """Wait until the container runs (or is healthy) and sees ``directory`` at ``target``, read-only or writable.

        :raises EngineError: it ended, did not get there within ``timeout`` seconds, or sees something else.
        """
        began = time.monotonic()
        while True:
            document = self.engine.inspect(container)
            state = document["State"]
            health = (state.get("Health") or {}).get("Status") or ""
            if not state["Running"] or state.get("Restarting"):
                raise EngineError(
                    f"the new container does not keep running (exit status {state.get('ExitCode')}"
                    + (f", {state['Error']}" if state.get("Error") else "")
                    + ")"
                )
            if health == "unhealthy":
                raise EngineError("the new container is unhealthy")
            fault = self._fault(document, target, directory, read_only)
            if fault is None and (not healthy or health in ("", "healthy")):
                if time.monotonic() - began >= _SETTLED:
                    return
            elif time.monotonic() - began > timeout:
                raise EngineError(fault or f"the new container is not healthy after {timeout} seconds ({health})")
            time.sleep(0.05)

    def _fault(self, document: Document, target: str | None, directory: str, read_only: bool) -> str | None:
        if target is None or not self.engine.is_local:
            return None
        wanted = self.host.directory(directory)
        try:
            with self.host.root(int(document["State"]["Pid"]), document["Id"]) as root:
                seen = root.see(target)
        except process_root.NotProven:
            return None
        if seen.identity != wanted.identity:
            return f"the new container does not see {directory} at {target}"
        if seen.read_only != read_only:
            return f"the new container {'cannot' if seen.read_only else 'can'} write at {target}"
        return None
