# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``agent_mounts_info`` returns of an agent, of what was seen and read. No secret passes. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import asdict, dataclass
from typing import Any, Mapping, Sequence

from .._agents.placement import is_file_mount
from .._catalog.login_end import expiry
from .._engine.documents import Document
from .._host.reading import fingerprint
from .exposure import exposed
from .plan import AgentPlan
from .verdict import Remedy, Verdict


@dataclass(frozen=True)
class Proof:
    """What was read on the host and in the container, for one agent."""

    content: bytes | None
    """Of the published credential file."""
    inode: int | None
    inside: Mapping[str, Any] | None
    """What the container's process sees; ``None`` if it does not run or may not be looked at."""
    mirror: Mapping[str, Any] | None
    """The state file of the mirror."""
    readers: tuple[ProvedReader, ...] = ()
    """Who reads the login in the container; nobody where that may not be looked at."""
    others: tuple[int, ...] = ()
    """Uids of its other processes that cannot read it."""
    idle_status: int | None = None
    """Of its idle command, where a run would ask it."""


@dataclass(frozen=True)
class ProvedReader:
    """A reader in the host's numbers, the file that its agent CLI opens, why it cannot use the login, and the fix."""

    uid: int
    gid: int
    command: str
    """Empty for one that would be started."""
    path: str
    """In the container."""
    found: str | None
    """What is there, where it is not the published login."""
    masks: tuple[str, ...]
    """Variables that mask the login."""
    obstacle: str | None
    """Why it cannot read that."""
    advice: str | None


def info(agent: AgentPlan, proof: Proof, sharers: Sequence[str], elsewhere: str | None = None) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts_info`` returns.

    :param sharers: the agents that write the same login.
    :param elsewhere: the address of another engine that has a container of this name.
    """
    observed = agent.observed
    spec, desired, container = observed.spec, observed.desired, observed.container
    identity = observed.directory.identity
    published = {
        "path": spec.published_path,
        "inode": proof.inode,
        "fingerprint": fingerprint(proof.content),
        "expires_at": expiry(proof.content, spec.cli),
    }
    return {
        "container": spec.container,
        "elsewhere": elsewhere,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "shares_login_with": list(sharers),
        "state": observed.state,
        "started_at": container.inspected.started_at if container else None,
        "verdict": agent.diagnosis.verdict.value,
        "reasons": list(agent.diagnosis.reasons),
        "directory": spec.directory,
        "directory_inode": identity[1] if identity else None,
        "target": desired.mount.target if desired else None,
        "mounts": [mount.as_result for mount in observed.mounts],
        "exposed": [exposed(reach) for reach in container.exposures] if container else [],
        "accept_exposure": spec.accepts_exposure,
        "published": published,
        "inside": proof.inside,
        "readers": [asdict(reader) for reader in proof.readers],
        "asked_uid": container.asked_uid if container else None,
        "fresh": is_fresh(agent, published, proof),
        "idle_status": proof.idle_status,
        "mirror": proof.mirror,
        "warnings": [*agent.warnings, *_other_readers(spec.name, proof.others)],
    }


def _other_readers(agent: str, uids: Sequence[int]) -> list[str]:
    if not uids:
        return []
    listed = ", ".join(map(str, uids))
    return [f"{agent}: other processes of the container cannot read the login; they run as uid {listed} of the host."]


def credential_path(agent: AgentPlan) -> str:
    """Where the container shows the credential: in the directory mount, or as a file mount."""
    observed, spec = agent.observed, agent.observed.spec
    files = [mount.target for mount in observed.mounts if is_file_mount(mount, spec, observed.desired)]
    root = observed.desired.mount.target if observed.desired else "/"
    return files[0] if files else posixpath.join(root, spec.credential)


def is_fresh(agent: AgentPlan, published: Document, proof: Proof) -> bool | None:
    """Whether the agent CLI opens the published credential; ``None`` where that is not proven."""
    inside, diagnosis = proof.inside, agent.diagnosis
    if inside is None:
        return None
    if any(reader.masks for reader in proof.readers):
        return False
    # Where a link is missing, who reads may have another way: the variable, which older versions do not know.
    return (
        (diagnosis.verdict is Verdict.OK or diagnosis.remedy is Remedy.LINK)
        and published["fingerprint"] is not None
        and all(inside[key] == published[key] for key in ("inode", "fingerprint"))
        and all(reader.found is None for reader in proof.readers)
    )
