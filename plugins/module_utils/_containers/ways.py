# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs the agent CLI in a container, and where it looks for its login. Pure.

The environment of a process that runs the CLI is the best witness. Where none runs, it is what would be started beside
the main process: as the container's user, or a devcontainer's; and what the main process itself would start, where its
program was started with another user or other variables than the container's.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass
from typing import Any, Mapping

from .._agents.config import AgentSpec
from .._agents.passwd import ContainerUser, find_container_user
from .._agents.placement import config_directory
from .._catalog.cli import AgentCli
from .._engine.documents import Container
from .._host.reader import Process, Processes

_DEVCONTAINER = "devcontainer.metadata"
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}|[0-9]{1,10}")


@dataclass(frozen=True)
class Way:
    """Where one reader's agent CLI looks."""

    reader: Process
    store_file: str | None
    """The file that the CLI's variable for the login alone names."""
    config_file: str | None
    """That in its config directory; ``None`` if its home is not known."""
    masks: tuple[str, ...]
    """Variables that mask the mirrored login."""
    is_running: bool
    """Whether the reader runs the CLI now."""
    root: int
    """The container's root, on this host."""


def variables(cli: AgentCli) -> tuple[str, ...]:
    """The variables that decide where a CLI looks, and whether it looks at all."""
    names = ("HOME", cli.config_dir_variable, cli.store_variable, *cli.masking_variables)
    return tuple(name for name in names if name)


def ways(spec: AgentSpec, container: Container, passwd: str, processes: Processes | None) -> tuple[Way, ...]:
    """Each different way of a container's readers; none if its processes may not be looked at."""
    if processes is None:
        return ()
    cli, names = spec.cli, variables(spec.cli)
    asked = find_container_user(container.user, passwd)
    stated = {name: value for name, value in container.environment.items() if name in names}
    running = [
        _way(cli, process, process.variables or stated, asked, processes.root, is_running=True)
        for process in processes.running(cli.commands)
    ]
    if running:
        return _different(running)
    main = processes.main
    main_way = _way(cli, main, main.variables or stated, asked, processes.root)
    of_container = processes.beside(asked.uid, asked.gid, stated) if asked is not None else None
    has_become_another = main.uid not in (of_container.uid if of_container else None, processes.root)
    user = reading_user(spec, container, passwd)
    if user is None or (has_become_another and not spec.remote_user):
        return (main_way,)
    started = _way(cli, processes.beside(user.uid, user.gid, stated), stated, user, processes.root)
    began = {"HOME": asked.home if asked else None, **stated}
    is_as_stated = all(main.variables.get(name) == began.get(name) for name in names)
    return _different([started] if is_as_stated or not main.variables else [started, main_way])


def reading_user(spec: AgentSpec, container: Container, passwd: str) -> ContainerUser | None:
    """As whom a person or a launcher would start the agent CLI in a container, by what it says of itself.

    That of ``container.remote_user``, else the container's user, else, where that is root, a devcontainer's.
    """
    asked = find_container_user(container.user, passwd)
    remote = None
    if spec.remote_user:
        remote = find_container_user(spec.remote_user, passwd)
    elif asked is None or asked.uid == 0:
        remote = find_container_user(_devcontainer_user(container) or "", passwd) or asked
    return remote or asked


def _devcontainer_user(container: Container) -> str | None:
    """The ``remoteUser`` in a devcontainer's label: of several parts the last that names one counts."""
    try:
        parts: Any = json.loads(container.labels.get(_DEVCONTAINER) or "[]")
    except (ValueError, RecursionError):
        return None
    parts = parts if isinstance(parts, list) else [parts]
    users = [part.get("remoteUser") for part in parts if isinstance(part, dict)]
    named = [user for user in users if isinstance(user, str) and _USER.fullmatch(user)]
    return named[-1] if named else None


def _way(
    cli: AgentCli,
    reader: Process,
    environment: Mapping[str, str],
    user: ContainerUser | None,
    root: int,
    is_running: bool = False,
) -> Way:
    store = environment.get(cli.store_variable or "")
    directory = config_directory(cli, environment, user.home if user else None)
    return Way(
        reader,
        posixpath.join(store, cli.file) if store and store.startswith("/") else None,
        posixpath.join(directory, cli.credential) if directory else None,
        tuple(name for name in cli.masking_variables if environment.get(name)),
        is_running,
        root,
    )


def _different(found: list[Way]) -> tuple[Way, ...]:
    """A hundred processes of one user that look at one place are one reader."""
    ways: dict[Any, Way] = {}
    for way in found:
        one = way.reader
        key = (one.uid, one.gid, one.groups, one.capabilities, way.store_file, way.config_file, way.masks)
        ways.setdefault(key, way)
    return tuple(ways.values())
