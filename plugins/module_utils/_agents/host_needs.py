# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be on the host before a container can mount it: shared auth directories and passwd files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from .config import AgentSpec
from .placement import (
    Passwd,
    Placed,
    User,
)


@dataclass(frozen=True)
class Preparation:
    """What one agent needs of the host.

    ``directory``  shared auth directory, or ``None``
    ``uid, gid``   who writes it; ``None`` if that is not known: then it is the host's user's
    ``seeds``      files of a new directory, by name
    ``passwd``     passwd file, or ``None``
    """

    agent: str
    directory: str | None
    uid: int | None
    gid: int | None
    seeds: Mapping[str, str]
    passwd: Passwd | None


def needed(spec: AgentSpec, placed: Placed | None, user: User | None) -> Preparation | None:
    """What the host must have for an agent whose container runs as ``user``; ``None`` if nothing."""
    passwd = placed.passwd if placed else None
    if not spec.is_shared and passwd is None:
        return None
    uid, gid = (user.uid, user.gid) if user else spec.ids
    directory = spec.directory if spec.is_shared else None
    return Preparation(spec.name, directory, uid, gid, spec.cli.seeds, passwd)
