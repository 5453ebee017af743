# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look up what must be there so that a container can start again: sources, devices, and the containers it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from .._engine.documents import Container
from .._host.bounded import LOOK_SECONDS, NoAnswerError, within
from .._host.process_root import ContainerRoot, NotProven
from .ports import NOT_HERE, Host, ReadingEngine
from .recreation_facts import RecreationFacts
from .start_conditions import SourceView, StartConditions


def with_start_conditions(
    engine: ReadingEngine,
    host: Host,
    facts: RecreationFacts,
    ids: frozenset[str],
    target: str | None,
) -> RecreationFacts:
    """The facts of a container and of its dependents, with what each needs to start again.

    :param ids: those of all containers.
    :param target: where the credentials directory is to be.
    """

    def look(one: RecreationFacts, target: str | None) -> RecreationFacts:
        dependents = tuple(replace(dependent, facts=look(dependent.facts, None)) for dependent in one.dependents)
        conditions = _look(engine, host, one.container, target)
        if one.container.is_running:
            conditions = replace(conditions, needed=tuple(_needed(one, ids)))
        return replace(one, conditions=conditions, dependents=dependents)

    return look(facts, target)


def _look(engine: ReadingEngine, host: Host, container: Container, target: str | None) -> StartConditions:
    if not container.is_running:
        return StartConditions()
    try:
        if not engine.is_local:
            raise NotProven(NOT_HERE)
        return within(LOOK_SECONDS, _look_inside, engine, host, container, target)
    except (NotProven, NoAnswerError) as reason:
        return StartConditions(obstacle=str(reason))


_WAYS = {"NetworkMode": "network", "PidMode": "process", "IpcMode": "ipc"}


def _needed(facts: RecreationFacts, ids: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What the container needs another one for, where that one is gone or does not run.

    What a lender of volumes that is gone has lent becomes its own.
    """
    container = facts.container
    wanted = [(f"the {_WAYS[field]} namespace of the container", name) for field, name in container.namespaces.items()]
    wanted += [("the linked container", name) for name in container.linked_names]
    for need, name in wanted:
        one = facts.meant.get(name)
        if one is None and not any(known.startswith(name) for known in ids):
            yield f"{need} {name}", "which is gone; make it again, and this container with it"
        elif one is not None and not one.is_running:
            yield f"{need} {one.name}", "which does not run; start it"


def _look_inside(engine: ReadingEngine, host: Host, container: Container, target: str | None) -> StartConditions:
    sources: list[SourceView] = []
    volumes: list[str] = []
    with host.root(container.pid, container.id, container.started_at) as root:
        devices = [
            (path, host.node(path), root.node(str(row.get("PathInContainer") or path)))
            for row in container.host_config.get("Devices") or ()
            for path in [str(row.get("PathOnHost"))]
        ]
        for mount in container.mounts:
            source = mount.source if mount.type == "bind" else None
            if mount.type == "volume":
                options = (engine.inspect_volume(mount.source) or {}).get("Options") or {}
                device = str(options.get("device") or "")
                is_bind = options.get("type") in (None, "", "none") or "bind" in str(options.get("o") or "").split(",")
                if device.startswith("/") and is_bind:
                    source = device
                elif device.startswith("/"):
                    volumes.append(device)
            if source:
                sources.append(_view(host, root, source, mount.target, mount.read_only))
        holder = root.holder(target, [mount.target for mount in container.mounts]) if target else None
        place = root.node(target).kind if target else None
    of_volumes = [(path, host.node(path), None) for path in volumes]
    return StartConditions(tuple(sources), (*devices, *of_volumes), holder=holder, place=place)


def _view(host: Host, root: ContainerRoot, source: str, target: str, read_only: bool) -> SourceView:
    on_host, in_container = host.node(source), root.node(target)
    is_replaced = on_host.kind == in_container.kind == "file" and on_host.identity != in_container.identity
    return SourceView(
        source, target, read_only, on_host, in_container, is_replaced and root.has_content_of(target, source)
    )
