# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a directory of the host may be mounted as an agent's credentials directory. Pure."""

from __future__ import annotations

from typing import Sequence

from .._base.paths import is_below
from .._host.filesystem import DirectoryFacts
from .config import AgentSpec, ConfigContext


def directory_faults(spec: AgentSpec, facts: DirectoryFacts, context: ConfigContext) -> Sequence[str]:
    """Why the directory of ``spec`` must not be mounted; empty when it may."""
    where = f"{spec.name}: container.{spec.configured_by}"
    foreign = _foreign(spec, facts, context)
    if foreign:
        return (f"{where}: {foreign}",)
    if facts.is_beyond_root:
        return (
            f"{where}: {facts.path} can be reached by its user and not by root (a FUSE file system without "
            f"allow_root, or NFS with root_squash), and root's engine is to mount it; set creds_mirror_place: "
            f"system, or let root in.",
        )
    if spec.is_shared and facts.kind in ("missing", "directory"):
        return ()
    if facts.kind == "missing":
        return (
            f"{where}: the directory {facts.path} does not exist; create it with the role "
            f"agentops.credentials.creds_mirror, or name another.",
        )
    if facts.kind == "unreadable":
        why = facts.obstacle or "it cannot be read by the user who runs this module; use become."
        return (f"{where}: the directory {facts.path}: {why}",)
    if facts.kind != "directory":
        return (
            f"{where}: {facts.path} is not a directory; name the directory that holds {spec.cli.file} "
            f"(a mounted file would stay at its old inode).",
        )
    others = sorted(set(facts.names) - {spec.cli.file})
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        return (
            f"{where}: the directory {facts.path} also holds {shown}, which the agent would see; "
            f"set container.credentials_host_dir to a directory that holds {spec.cli.file} alone "
            f"(the role agentops.credentials.creds_mirror makes one).",
        )
    return ()


def reader_warnings(spec: AgentSpec, facts: DirectoryFacts, uid: int, gid: int, where: str = "") -> Sequence[str]:
    """Warn that the container's user cannot read the credentials directory, and how to fix it.

    :param where: words for where it has these ids, if not only in the container.
    """
    if spec.is_shared or facts.kind != "directory" or facts.lets_in(uid, gid):
        return ()
    return (
        f"{spec.name}: the container runs as uid {uid}{where}, which may not read {facts.path} (uid {facts.uid}, "
        f"mode {facts.mode:04o}); set creds_mirror_readers: {{uids: [{uid}]}} for the role creds_mirror.",
    )


def reader_advice(facts: DirectoryFacts, uid: int, whose: str | None) -> str:
    """How a process that cannot read the login gets to read it.

    :param uid: the process's, on the host.
    :param whose: to whom else of the host that id belongs.
    """
    if uid in (facts.uid, *facts.acl_uids):
        return "a directory above it in the container, or a security module, keeps it out"
    if whose is not None and uid != facts.uid:
        return (
            f"uid {uid} belongs to {whose} of the host, who could then read it too; run the container as another user"
        )
    uids = ", ".join(map(str, sorted({*facts.acl_uids, uid})))
    gids = f", gids: [{', '.join(map(str, sorted(facts.acl_gids)))}]" if facts.acl_gids else ""
    return f"set creds_mirror_readers: {{uids: [{uids}]{gids}}} and run agentops.credentials.mirror"


def directory_warnings(spec: AgentSpec, facts: DirectoryFacts) -> Sequence[str]:
    """What is unwise about the credentials directory, though it works."""
    if facts.kind == "directory" and facts.mode & 0o007:
        return (
            f"{spec.name}: the credentials directory {facts.path} is open to every user of the host "
            f"(mode {facts.mode:04o}); set it to 0700.",
        )
    return ()


def _foreign(spec: AgentSpec, facts: DirectoryFacts, context: ConfigContext) -> str | None:
    """Why the configuration's writer may not name the directory: root's engine would mount it for him."""
    if context.owner_uid is None:
        return None
    allowed = [*context.allowed.directories, *(context.shared_roots if spec.is_shared else ())]
    if any(facts.path == root or is_below(facts.path, root) for root in allowed):
        return None
    if spec.is_shared:
        return (
            f"{facts.path} is not below {context.path(context.shared_root)}; a shared auth directory must be there, or "
            f"below one of allowed_directories."
        )
    if facts.kind != "directory":
        return None
    if facts.uid == context.owner_uid:
        if not facts.foreign:
            return None
        return (
            f"{facts.path} holds {facts.foreign[0]}, which belongs to another user or has a second name elsewhere (a "
            f"hard link); name a directory with a login of the agents' user's own."
        )
    return (
        f"{facts.path} belongs to uid {facts.uid} and not to the agents' user (uid {context.owner_uid}); name a "
        f"directory of that user's, or add it to allowed_directories."
    )
