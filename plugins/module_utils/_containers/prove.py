# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what proves that a container sees the published login: on the host, and in the container's own root."""

from __future__ import annotations

import json
from typing import Any, Iterable, Iterator

from .._agents.config import AgentSpec, ConfigContext
from .._agents.directory import reader_advice
from .._agents.placement import Desired
from .._catalog.cli import is_below as is_older_than
from .._catalog.cli import version_of
from .._catalog.login_end import expiry
from .._catalog.mirror_paths import published_cli, staging_directory
from .._engine.documents import Document
from .._host.process_root import ContainerRoot, NotProven
from .._host.reading import fingerprint
from .advice import way_advice
from .info import Proof, ProvedReader, credential_path
from .observed import ObservedContainer
from .plan import AgentPlan
from .ports import Host, ReadingEngine
from .verdict import Remedy
from .ways import Way

_FEW = 8
"""How many of the other users in a container are told."""


def prove(engine: ReadingEngine, host: Host, agent: AgentPlan) -> Proof:
    """What one agent's container sees, and what it should see."""
    path = agent.observed.spec.published_path
    content, inode = host.read(path), host.inode(path)
    container, desired = agent.observed.container, agent.observed.desired
    mirror = _mirror_state(host, agent.observed.spec.directory)
    unproven = Proof(content, inode, None, mirror)
    if container is None or not container.inspected.is_running or desired is None or container.proof_obstacle:
        return unproven
    try:
        with host.root(container.inspected.pid, container.id, container.inspected.started_at) as root:
            inside = _inside(root, agent, container, desired)
            published = (inode, fingerprint(content))
            readers = tuple(_readers(engine, host, root, agent, published)) if content is not None else ()
    except NotProven:
        return unproven
    others = _others(host, agent, readers, str(inside["path"])) if content is not None else ()
    return Proof(content, inode, inside, mirror, readers, others, _idle_status(engine, agent))


def _idle_status(engine: ReadingEngine, agent: AgentPlan) -> int | None:
    """Whether a run would serve the agent now, where it would stop its container."""
    observed, container = agent.observed, agent.observed.container
    would_stop = agent.diagnosis.remedy in (Remedy.RECREATE, Remedy.RESTART) and observed.state == "running"
    command = observed.spec.idle_command
    return engine.execute(container.id, command) if container and command and would_stop else None


def _inside(root: ContainerRoot, agent: AgentPlan, container: ObservedContainer, desired: Desired) -> Document:
    path = credential_path(agent)
    directory, file = root.stat(desired.mount.target), root.stat(path)
    return {
        "path": path,
        "directory_inode": directory.identity[1] if directory.identity else None,
        "inode": file.identity[1] if file.identity else None,
        "fingerprint": file.fingerprint,
        "read_only": directory.read_only,
        "link": next((state.value for state in container.link_states.values()), None),
    }


def _readers(
    engine: ReadingEngine,
    host: Host,
    root: ContainerRoot,
    agent: AgentPlan,
    published: tuple[int | None, str | None],
) -> Iterator[ProvedReader]:
    """Each reader, by the file that its agent CLI opens."""
    observed, container = agent.observed, agent.observed.container
    for way in container.ways if container else ():
        reader, command = way.reader, way.reader.command if way.is_running else ""
        path = _opened(engine, root, agent, way, published)
        is_published = bool(path) and _seen(root, path) == published
        found = None if is_published else _what(root, path) if path else "it has no HOME"
        obstacle = host.obstacle(reader, path) if is_published else None
        advice = None
        if obstacle and observed.spec.is_shared:
            advice = f"the shared directory belongs to uid {observed.directory.uid}; run the container as that user"
        elif obstacle:
            advice = reader_advice(observed.directory, reader.uid, host.whose_id(reader.uid))
        elif found:
            advice = way_advice(agent.diagnosis, observed, way, path)
        yield ProvedReader(reader.uid, reader.gid, command, path, found, way.masks, obstacle, advice)


def _opened(
    engine: ReadingEngine,
    root: ContainerRoot,
    agent: AgentPlan,
    way: Way,
    published: tuple[int | None, str | None],
) -> str:
    """The file that a reader's agent CLI opens; empty where that is not known.

    Its version matters where both places hold something else.
    """
    observed, cli = agent.observed, agent.observed.spec.cli
    if "link" not in cli.placements and not cli.store_variable:
        return credential_path(agent)  # what starts the CLI reads it there
    if way.store_file is None or way.config_file is None:
        return way.store_file or way.config_file or ""
    if cli.store_variable_since is None or _seen(root, way.config_file) == published:
        return way.store_file
    container = observed.container
    can_be_asked = container is not None and container.inspected.status == "running" and cli.commands
    said = engine.output(container.id, (cli.commands[0], "--version")) if container and can_be_asked else None
    version = version_of(said or "")
    is_older = version is not None and is_older_than(version, cli.store_variable_since)
    return way.config_file if is_older else way.store_file


def _seen(root: ContainerRoot, path: str) -> tuple[int | None, str | None]:
    view = root.stat(path)
    return (view.identity[1] if view.identity else None, view.fingerprint)


def _what(root: ContainerRoot, path: str) -> str:
    """What stands where an agent CLI looks, in words."""
    kind = root.lstat(path).kind
    words = {
        "missing": "nothing is there",
        "link": "a link that leads elsewhere is there",
        "file": "another file is there",
    }
    return words.get(kind, "no file is there")


def _others(host: Host, agent: AgentPlan, readers: Iterable[ProvedReader], path: str) -> tuple[int, ...]:
    """Uids of the container's other processes that cannot read the login: they are only told."""
    container, spec = agent.observed.container, agent.observed.spec
    processes = host.processes(container.inspected.pid, ()) if container and not spec.is_shared else None
    known = {reader.uid for reader in readers}
    others = {one.uid: one for one in (processes.all if processes else ()) if one.uid not in known}
    return tuple(sorted(uid for uid, one in list(others.items())[:_FEW] if host.obstacle(one, path)))


def unused_logins(host: Host, context: ConfigContext, agents: Iterable[AgentSpec]) -> list[dict[str, Any]]:
    """The logins that a mirror publishes and no agent uses."""
    used = {host.directory(spec.directory).path for spec in agents}
    found = []
    for directory in dict.fromkeys(context.mirrored.values()):
        cli, there = published_cli(directory, context.catalog.values()), host.directory(directory)
        if cli is None or there.kind != "directory" or there.path in used:
            continue
        content = host.read(f"{directory}/{cli.credential}")
        published = {"fingerprint": fingerprint(content), "expires_at": expiry(content, cli)}
        mirror = _mirror_state(host, directory)
        found.append({"cli": cli.name, "directory": directory, "published": published, "mirror": mirror})
    return found


def _mirror_state(host: Host, directory: str) -> Document | None:
    """The state file that the mirror keeps in its staging directory; ``None`` if there is none.

    ``current`` is added: whether the mirror has seen the source as it is now.
    """
    content = host.read(f"{staging_directory(directory)}/status.json")
    try:
        status: Any = json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(status, dict):
        return None
    source = status.get("source")
    path = source.get("path") if isinstance(source, dict) else None
    inode = host.inode(host.realpath(path)) if isinstance(path, str) and "\0" not in path else None
    is_current = isinstance(source, dict) and inode == source.get("inode")
    return {**status, "current": is_current}
