# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the engine what must be known to recreate an agent's container: what a run without drift does not ask."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import dataclass, field, replace
from typing import Iterable, Iterator, Mapping, Sequence

from .._agents.placement import is_our_link
from .._base.paths import normalise
from .._catalog.cli import version_of
from .._catalog.rows import CATALOG
from .._engine.documents import Container
from .create_request import unknown_fields
from .layer_changes import looked_at
from .leftovers import committed
from .observed import Observed
from .ports import NOT_HERE, ContainerList, Host, ReadingEngine
from .recreation_facts import Dependent, RecreationFacts
from .relations import Everyone, dependents, meant
from .start_looks import with_start_conditions
from .steady import steady


@dataclass(frozen=True)
class ContainerInquiry:
    """Asks the engine about one agent's container; see :class:`planner.Inquiry`."""

    engine: ReadingEngine
    host: Host
    containers: ContainerList
    observed: Observed
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Id of a container that this run has replaced → its name."""

    @property
    def _container(self) -> Container:
        if self.observed.container is None:
            raise ValueError("an absent container is not asked about")
        return self.observed.container.inspected

    @property
    def _homes(self) -> tuple[str | None, ...]:
        user = self.observed.container.user if self.observed.container else None
        return (user.home if user else None, self.observed.desired.home if self.observed.desired else None)

    def recreation_facts(self) -> RecreationFacts:
        container = steady(self.engine, self._container.id)
        others = dict.fromkeys(row.id for row in self.containers.rows.values() if row.id != container.id)
        everyone = Everyone([container, *_still_there(self.engine, others)], self.replaced, self._image_labels)
        found = [
            Dependent(ways, breaks, _facts(self.engine, steady(self.engine, one.id), everyone))
            for one, ways, breaks in dependents(container, everyone)
        ]
        desired = self.observed.desired
        links = desired.links if desired else ()
        facts = replace(_facts(self.engine, container, everyone, self._homes, links), dependents=tuple(found))
        target = desired.mount.target if desired else None
        return with_start_conditions(self.engine, self.host, facts, self.containers.ids, target)

    def _image_labels(self, container: Container) -> Mapping[str, str]:
        image = self.engine.inspect_image(container.image_id)
        return image.labels if image else container.labels  # of one that is gone nobody knows whose they are

    def product(self) -> str:
        return self.engine.product()

    def idle_status(self) -> int:
        is_running = steady(self.engine, self._container.id).status == "running"
        return self.engine.execute(self._container.id, self.observed.spec.idle_command) if is_running else 0

    def version(self) -> str | None:
        command = (self.observed.spec.cli.commands[0], "--version")
        return version_of(self.engine.output(self._container.id, command) or "")


def _still_there(engine: ReadingEngine, ids: Iterable[str]) -> Iterator[Container]:
    """Containers, but for those that were removed since the list call, or cannot be read: no agent stops for them."""
    for container_id in ids:
        with contextlib.suppress(Exception):
            yield engine.inspect(container_id)


def _facts(
    engine: ReadingEngine,
    container: Container,
    everyone: Everyone,
    homes: Iterable[str | None] = (),
    links: Sequence[str] = (),
) -> RecreationFacts:
    tag = engine.inspect_image(container.image_name)
    changed = engine.changed_paths(container.id)
    obstacle = _layer_obstacle(engine, container)
    return RecreationFacts(
        container=container,
        image=engine.inspect_image(container.image_id),
        tag_image=tag.id if tag else None,
        api_version=engine.api_version,
        changed_paths=changed,
        dependents=(),
        meant=meant(container, everyone),
        kinds={path: engine.kind(container.id, path) for path in looked_at(container, changed)},
        homes=_homes(container, homes),
        layer_obstacle=obstacle,
        committed_before=committed(engine, container.name, container.id) if obstacle else None,
        unknown=unknown_fields(engine.inspect_in_full(container.id)),
        own_links=_own_links(engine, container, changed, links),
    )


def _own_links(
    engine: ReadingEngine, container: Container, changed: Iterable[str], wanted: Sequence[str]
) -> dict[str, str | None]:
    """The links that earlier runs have made in the writable layer."""
    names = {cli.file for cli in CATALOG.values()} | {posixpath.basename(link) for link in wanted}
    found: dict[str, str | None] = {}
    for path in changed:
        if posixpath.basename(path) in names:
            target = engine.link_target(container.id, path)
            if is_our_link(target or "", container.mounts) or (target is None and path in wanted):
                found[path] = target
    return found


def _homes(container: Container, homes: Iterable[str | None]) -> tuple[str, ...]:
    """Where a container keeps what somebody would miss; ``homes`` are known otherwise."""
    environment = container.environment
    variables = {cli.config_dir_variable or "" for cli in CATALOG.values()}
    places = [*homes, environment.get("HOME"), *map(environment.get, variables), container.working_directory]
    normal = {normalise(place) for place in places if place and place.startswith("/")}
    return tuple(sorted(normal - {"/"}))


def _layer_obstacle(engine: ReadingEngine, container: Container) -> str | None:
    if engine.layer_directory(container.id) is not None:
        return None
    if not engine.is_local:
        return NOT_HERE
    if container.storage_driver != "overlay2":
        return f"the storage driver is {container.storage_driver or 'not known'}, not overlay2"
    if engine.may_set_owners:
        return "the directory that the engine names for it is not there"
    return "this user cannot reach the engine's files (use become)"
