# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How containers hold on to each other: by namespaces, links and lent volumes, each by an id or a name. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, Sequence

from .._engine.documents import Container

_WORDS = {"NetworkMode": "its network namespace", "PidMode": "its process namespace", "IpcMode": "its ipc namespace"}
_LINK, _VOLUMES = "a link", "its volumes"
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_NEEDED = "com.docker.compose.depends_on"


@dataclass(frozen=True)
class Everyone:
    """The engine's containers, as far as they can be read."""

    containers: Sequence[Container]
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Id of a container that this run has replaced → its name."""
    image_labels: Callable[[Container], Mapping[str, str]] = field(default=lambda _container: {})
    """The labels of a container's image, whose author is not who started it; asked where labels decide."""

    def find(self, reference: str, user: Container) -> Container | None:
        """The container that a request of ``user`` means.

        As the engine looks it up: by its id, its name, the beginning of its id. One that was replaced has its name
        still: this run knows it, and compose's labels say which services of its project ``user`` needs.
        """
        name = self.replaced.get(reference, reference)
        by_id = [one for one in self.containers if one.id == reference]
        by_name = [one for one in self.containers if one.name == name]
        by_beginning = [one for one in self.containers if len(reference) >= 12 and one.id.startswith(reference)]
        found = by_id or by_name or by_beginning
        return found[0] if found else self._service(reference, user)

    def _service(self, reference: str, user: Container) -> Container | None:
        """The only service that ``user`` needs and does not have; who has lent volumes has them still."""
        own = self._labels(user)
        project = own.get(_PROJECT)
        of_project = [one for one in self.containers if project and one.labels.get(_PROJECT) == project]
        labels = [(one, self._labels(one)) for one in of_project]
        services = {given[_SERVICE]: one for one, given in labels if {_PROJECT, _SERVICE} <= given.keys()}
        had = {*user.namespaces.values(), *user.volumes_from}
        needed = {entry.split(":", 1)[0] for entry in own.get(_NEEDED, "").split(",") if entry}
        needed -= {name for name, one in services.items() if {one.id, one.name} & had}
        if len(needed) != 1:
            return None
        found = services.get(needed.pop())
        if found is None or reference not in user.volumes_from:
            return found
        return found if _targets(found) <= _targets(user) else None

    def _labels(self, container: Container) -> dict[str, str]:
        """Those that were given to the container itself, as compose does."""
        images = self.image_labels(container)
        return {key: value for key, value in container.labels.items() if images.get(key) != value}


def _targets(container: Container) -> set[str]:
    return {mount.target for mount in container.mounts}


def meant(container: Container, everyone: Everyone) -> dict[str, Container]:
    """What the container's request calls other containers → the one that it means; none for one that is gone."""
    called = {*container.namespaces.values(), *container.linked_names, *container.volumes_from}
    found = {name: everyone.find(name, container) for name in sorted(called)}
    return {name: one for name, one in found.items() if one is not None}


def uses(container: Container, owner: Container, everyone: Everyone) -> tuple[str, ...]:
    """How ``container`` holds on to ``owner``."""
    if container.id == owner.id:
        return ()
    called = {name for name, one in meant(container, everyone).items() if one.id == owner.id}
    ways = [_WORDS[name] for name, other in container.namespaces.items() if other in called]
    ways += [_LINK] if called & set(container.linked_names) else []
    return (*ways, *([_VOLUMES] if called & container.volumes_from else []))


def is_broken(ways: Sequence[str]) -> bool:
    """Whether who holds on in these ways breaks when the other is replaced. Volumes that one has, one keeps."""
    return any(way != _VOLUMES for way in ways)


def dependents(owner: Container, everyone: Everyone) -> list[tuple[Container, tuple[str, ...], bool]]:
    """Who holds on to ``owner``, through others as well; each after all that it needs, with its ways, and whether it
    breaks when all that it holds on to is replaced."""
    found = {owner.id: owner}
    broken = {owner.id}
    waiting = [owner]
    while waiting:
        one = waiting.pop(0)
        for other in everyone.containers:
            ways = uses(other, one, everyone)
            is_new = other.id not in found or (is_broken(ways) and one.id in broken and other.id not in broken)
            if ways and is_new:
                found[other.id] = other
                broken |= {other.id} if is_broken(ways) and one.id in broken else set()
                waiting.append(other)
    ordered = [owner]
    rest = [one for one in found.values() if one.id != owner.id]
    while rest:
        ready = [one for one in rest if not any(uses(one, other, everyone) for other in rest)] or rest[:1]
        ordered += ready
        rest = [one for one in rest if one not in ready]
    return [
        (one, _ways(one, owner, ordered, everyone), one.id in broken) for one in ordered if one.id != owner.id
    ]  # fmt: skip


def _ways(one: Container, root: Container, others: Sequence[Container], everyone: Everyone) -> tuple[str, ...]:
    return tuple(
        way + ("" if other is root else f" of {other.name}")
        for other in others
        for way in uses(one, other, everyone)
    )  # fmt: skip


def owners(container: Container) -> frozenset[str]:
    """Ids of the containers whose namespaces ``container`` uses; without them it cannot start."""
    return frozenset(container.namespaces.values())
