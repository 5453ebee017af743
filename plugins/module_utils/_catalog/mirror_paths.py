# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a mirror publishes: source → credentials directory, and the directory next to it. Pure."""

from __future__ import annotations

import os
import posixpath
from typing import Iterable, Literal, Mapping

from .cli import AgentCli

MIRROR_ROOT = "~/.config/claude-hooks"
"""The default of ``creds_mirror_root``; the place that claude-hooks#57 names."""

SYSTEM_PLACE = "/var/lib/agentops-credentials"
"""Holds the directories of the place ``system``, one for each user; every parent of them is root's."""
Place = Literal["home", "system"]
PLACES: tuple[Place, ...] = ("home", "system")


SHARED_ROOT = "~/.local/share/agentops/agent-auth"
"""Holds the shared auth directories in the place ``home``."""


def in_home(path: str, home: str) -> str:
    """A host path of the user's, normalised; ``~`` and ``~/`` stand for ``home``."""
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.normpath(path)


def mirror_root(place: Place, root: str, user: str, home: str) -> str:
    """The directory that holds a user's credentials directories; ``root`` says where in the place ``home``."""
    return f"{SYSTEM_PLACE}/{user}" if place == "system" else in_home(root, home)


def shared_root(place: Place, root: str, user: str) -> str:
    """The directory that holds a user's shared auth directories; one that the operator names is where he says."""
    return f"{SYSTEM_PLACE}/{user}/agent-auth" if place == "system" and root == SHARED_ROOT else root


def credentials_directory(root: str, cli: AgentCli) -> str:
    """The directory that is mounted into containers."""
    return f"{root}/{cli.name}-credentials"


def published_cli(directory: str, catalog: Iterable[AgentCli]) -> AgentCli | None:
    """The agent CLI whose login is published in a credentials directory."""
    name = posixpath.basename(directory)
    return next((row for row in catalog if posixpath.basename(credentials_directory("", row)) == name), None)


def staging_directory(directory: str) -> str:
    """The sibling of a credentials directory in which a version is prepared; it holds the mirror's state file, too."""
    parent, name = posixpath.split(directory)
    return f"{parent}/.{name}.staging"


def source_of(cli: AgentCli, sources: Mapping[str, str], home: str) -> str:
    """The host's credential file."""
    return in_home(sources.get(cli.name) or f"~/{cli.source}", home)


def mirrored_directories(
    rows: Iterable[AgentCli],
    root: str,
    sources: Mapping[str, str],
    home: str,
    *,
    place: Place = "home",
    user: str = "",
) -> dict[str, str]:
    """Source → credentials directory, as the role creds_mirror makes them with the same settings."""
    top = mirror_root(place, root, user, home)
    return {source_of(row, sources, home): credentials_directory(top, row) for row in rows}
