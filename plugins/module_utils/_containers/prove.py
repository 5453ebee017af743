# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what proves that a container sees the published login: on the host, and in the container's own root."""

from __future__ import annotations

import json
from typing import Any, Iterable, Iterator

from .._agents.config import AgentSpec, ConfigContext
from .._agents.directory import reader_advice
from .._catalog.mirror_paths import published_cli, staging_directory
from .._engine.documents import Document
from .._host.process_root import NotProven
from .._host.reading import fingerprint
from .info import Proof, ProvedReader, credential_path, expiry
from .observed import LinkState
from .plan import AgentPlan
from .ports import Host


def prove(host: Host, agent: AgentPlan) -> Proof:
    """What one agent's container sees, and what it should see."""
    path = agent.observed.spec.published_path
    content, inside = host.read(path), _inside(host, agent)
    return Proof(
        content=content,
        inode=host.inode(path),
        inside=inside,
        readers=tuple(_readers(host, agent, str(inside["path"]))) if content is not None and inside else (),
        mirror=_mirror_state(host, agent.observed.spec.directory),
    )


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


def _inside(host: Host, agent: AgentPlan) -> Document | None:
    container, desired = agent.observed.container, agent.observed.desired
    if container is None or not container.inspected.is_running or desired is None or container.proof_obstacle:
        return None
    path = credential_path(agent)
    try:
        with host.root(container.inspected.pid, container.id, container.inspected.started_at) as root:
            directory, file = root.stat(desired.mount.target), root.stat(path)
    except NotProven:
        return None
    link: LinkState | None = container.link_state
    return {
        "path": path,
        "directory_inode": directory.identity[1] if directory.identity else None,
        "inode": file.identity[1] if file.identity else None,
        "fingerprint": file.fingerprint,
        "read_only": directory.read_only,
        "link": link.value if link else None,
    }


def _readers(host: Host, agent: AgentPlan, path: str) -> Iterator[ProvedReader]:
    """Each different reader of the login in the container."""
    observed, container = agent.observed, agent.observed.container
    if container is None or observed.spec.is_shared:
        return
    seen = set()
    for reader in host.readers(container.inspected.pid, observed.spec.cli.commands, path):
        process = reader.process
        key = (process.uid, process.gid, process.groups, process.capabilities, process.command, reader.obstacle)
        if key not in seen:
            seen.add(key)
            whose = host.whose_id(process.uid)
            advice = reader_advice(observed.directory, process.uid, whose) if reader.obstacle else None
            yield ProvedReader(process.uid, process.gid, process.command, reader.obstacle, advice)


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
