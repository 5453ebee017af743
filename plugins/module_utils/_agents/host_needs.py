# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be on the host before a container can mount it: shared auth directories and passwd files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from .config import AgentSpec
from .passwd import ContainerUser, Passwd, numeric_id
from .placement import Desired


@dataclass(frozen=True)
class HostNeeds:
    """What one agent needs of the host."""

    agent: str
    directory: str | None
    """Shared auth directory."""
    uid: int | None
    gid: int | None
    """Who writes the directory; ``None`` if that is not known: then it is the host's user's."""
    claimed_uid: int | None
    """The uid of the container's user by its own ``/etc/passwd``, where nothing else names one."""
    initial_files: Mapping[str, str]
    """Files of a new directory, by name."""
    passwd: Passwd | None
    former: str | None = None
    """Where the other place has the shared auth directory."""


@dataclass(frozen=True)
class FormerPlace:
    """Where the other place had an agent's directory."""

    agent: str
    path: str
    directory: str
    """Where it is now."""
    file: str | None
    """The published login's name; ``None`` for a shared auth directory."""


def former_place(spec: AgentSpec) -> FormerPlace | None:
    """``None`` where the directory does not depend on the place."""
    if spec.former is None:
        return None
    return FormerPlace(spec.name, spec.former, spec.directory, None if spec.is_shared else spec.cli.file)


def host_needs(
    spec: AgentSpec, desired: Desired | None, config_user: str, user: ContainerUser | None = None
) -> HostNeeds | None:
    """What the host must have for an agent; ``None`` if nothing.

    :param config_user: ``Config.User`` of its container. A number in it decides whose a directory of the host is.
    :param user: whom a name in it means by the container's own ``/etc/passwd``. The container writes that file, so it
        decides nothing.
    """
    passwd = desired.passwd if desired else None
    if not spec.is_shared and passwd is None:
        return None
    name, _colon, group = config_user.partition(":")
    uid, gid = (numeric_id(name), numeric_id(group)) if numeric_id(name) is not None else spec.ids
    directory = spec.directory if spec.is_shared else None
    claimed_uid = user.uid if user and uid is None else None
    former = spec.former if spec.is_shared else None
    return HostNeeds(spec.name, directory, uid, gid, claimed_uid, spec.cli.seeds, passwd, former)
