# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``agent_mounts_info`` returns of an agent, of what was seen and read. No secret passes. Pure."""

from __future__ import annotations

import datetime
import json
import posixpath
from dataclasses import asdict, dataclass
from typing import Any, Mapping, Sequence

from .._agents.placement import is_file_mount
from .._catalog.cli import AgentCli
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


@dataclass(frozen=True)
class ProvedReader:
    """A reader in the host's numbers, why it cannot read the login, and the fix."""

    uid: int
    gid: int
    command: str
    obstacle: str | None
    advice: str | None


def info(agent: AgentPlan, proof: Proof, sharers: Sequence[str]) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts_info`` returns; ``sharers`` are the agents that write the same login."""
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
        "fresh": is_fresh(agent, published, proof.inside),
        "mirror": proof.mirror,
        "warnings": list(agent.warnings),
    }


def credential_path(agent: AgentPlan) -> str:
    """Where the container shows the credential: in the directory mount, or as a file mount."""
    observed, spec = agent.observed, agent.observed.spec
    files = [mount.target for mount in observed.mounts if is_file_mount(mount, spec, observed.desired)]
    root = observed.desired.mount.target if observed.desired else "/"
    return files[0] if files else posixpath.join(root, spec.credential)


def is_fresh(agent: AgentPlan, published: Document, inside: Document | None) -> bool | None:
    """Whether the process sees the published credential; ``None`` where that is not proven."""
    if inside is None:
        return None
    diagnosis, desired = agent.diagnosis, agent.observed.desired
    if agent.observed.spec.is_shared:
        # Whether somebody has logged in there is the containers' business.
        return diagnosis.verdict is Verdict.OK
    # A container that a launcher started has the variable, but no link: that is for older versions.
    lacks_only_link = diagnosis.remedy is Remedy.LINK and desired is not None and desired.variable is not None
    return (
        (diagnosis.verdict is Verdict.OK or lacks_only_link)
        and published["fingerprint"] is not None
        and all(inside[key] == published[key] for key in ("inode", "fingerprint"))
    )


def expiry(content: bytes | None, cli: AgentCli) -> str | None:
    """When the access token in ``content`` ends, as ISO 8601 in UTC; ``None`` if it does not say."""
    if content is None or cli.mirror.expires is None:
        return None
    try:
        value: Any = json.loads(content)
        for key in cli.mirror.expires.split("."):
            value = value[key]
        seconds = int(value) / 1000 if cli.mirror.expires_unit == "ms" else int(value)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
