# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which agents write the same login: each may refresh it, and a refresh token that rotates is spent once. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Mapping, Sequence

from .._engine.mounts import MountSpec
from .config import AgentSpec
from .placement import Desired, config_directory


@dataclass(frozen=True)
class WritableLogin:
    """A login of one agent that its container can write: the host directory that holds it."""

    agent: str
    cli: str
    directory: str


def writable_logins(
    spec: AgentSpec,
    desired: Desired | None,
    mounts: Sequence[MountSpec],
    environment: Mapping[str, str],
    home: str | None,
) -> list[WritableLogin]:
    """The writable host directories in which the container's agent CLI keeps its login, as far as mounts show."""
    if spec.is_shared:
        return [WritableLogin(spec.name, spec.cli.name, spec.directory)]
    directory = config_directory(spec.cli, environment, home)
    if directory is None or (desired is not None and desired.mount.target == directory):
        return []
    file = posixpath.join(directory, spec.cli.credential)
    return [
        WritableLogin(spec.name, spec.cli.name, mount.source)
        for mount in mounts
        if mount.type == "bind" and not mount.read_only and mount.target in (directory, file)
    ]


def sharers(logins: Sequence[WritableLogin]) -> dict[str, tuple[str, ...]]:
    """Agent → the other agents that write the same login."""
    result = {}
    for login in logins:
        others = [other.agent for other in logins if other.directory == login.directory and other.agent != login.agent]
        if others:
            result[login.agent] = tuple(dict.fromkeys(others))
    return result


def warning(login: WritableLogin, others: Sequence[str]) -> str:
    return (
        f"{login.agent}: shares the writable login {login.directory} with {', '.join(others)}: each of them may "
        f"refresh it, and a refresh token that rotates logs the others out; if that happens, log in again in one of "
        f"them."
    )
