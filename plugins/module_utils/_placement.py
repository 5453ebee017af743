# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""Where the credentials directory appears in a container: placement → mount, variable and link."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from ansible_collections.agentops.credentials.plugins.module_utils._agents import AgentSpec
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import AgentCli
from ansible_collections.agentops.credentials.plugins.module_utils._mounts import MountSpec, is_below, normalise

STORE_ROOT = "/run/agent-credentials"


@dataclass(frozen=True)
class User:
    """The user a container runs as. ``home`` is what ``HOME`` would be without the variable."""

    uid: int
    gid: int
    home: str


@dataclass(frozen=True)
class Placed:
    """What a container must have so that its agent CLI finds the credentials directory.

    ``link`` is the path in the container that must be a symbolic link to ``link_target``;
    ``None`` where the placement needs none or its place cannot be known.
    """

    mount: MountSpec
    variable: str | None
    link: str | None

    def link_target(self, cli: AgentCli) -> str:
        return posixpath.join(self.mount.target, cli.file)


def environment_of(entries: Iterable[str] | None) -> dict[str, str]:
    """``Config.Env`` as a mapping. ``NAME`` without ``=`` unsets a variable of the image and is left out."""
    return dict(entry.split("=", 1) for entry in entries or () if "=" in entry)


def with_variable(entries: Iterable[str] | None, name: str, value: str | None) -> list[str]:
    """``Config.Env`` with ``name`` set to ``value``, in its old place; removed where ``value`` is ``None``."""
    result = []
    placed = value is None
    for entry in entries or ():
        if entry.split("=", 1)[0] != name:
            result.append(entry)
        elif not placed:
            result.append(f"{name}={value}")
            placed = True
    return result if placed else [*result, f"{name}={value}"]


def find_user(user: str, passwd: str) -> User | None:
    """The user that ``Config.User`` means by the container's own ``/etc/passwd`` text.

    ``user`` is empty, a name or an id, each with an optional ``:group``. A numeric id without an
    entry is valid to the engine and gets the home ``/``; a name without an entry gives ``None``.
    """
    name, _colon, group = user.partition(":")
    name = name or "0"
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and name in (fields[0], fields[2]) and fields[2].isdigit():
            gid = int(group) if group.isdigit() else int(fields[3]) if fields[3].isdigit() else 0
            return User(int(fields[2]), gid, fields[5] or "/")
    if name.isdigit():
        return User(int(name), int(group) if group.isdigit() else 0, "/")
    return None


def config_directory(cli: AgentCli, environment: Mapping[str, str], home: str | None) -> str | None:
    """Where ``cli`` keeps its state in a container; ``None`` when its home is not known."""
    moved = environment.get(cli.config_dir_variable or "")
    if moved and moved.startswith("/"):
        return normalise(posixpath.join(moved, cli.config_dir_suffix))
    home = environment.get("HOME") or home
    return normalise(posixpath.join(home, cli.config_dir)) if home and home.startswith("/") else None


def place(spec: AgentSpec, environment: Mapping[str, str], home: str | None) -> Placed | None:
    """What ``spec`` asks of a container with ``environment`` whose user's home is ``home``.

    ``None`` when the placement depends on the home directory and that is not known.
    """
    directory = config_directory(spec.cli, environment, home)
    if spec.placement == "config_dir":
        target = spec.target or directory
        return Placed(_mount(spec, target), None, None) if target else None
    target = spec.target or posixpath.join(STORE_ROOT, spec.cli.name)
    link = posixpath.join(directory, spec.cli.credential) if directory else None
    if link and (directory == target or is_below(link, target)):
        link = None
    variable = spec.cli.store_variable if spec.placement == "store" else None
    return Placed(_mount(spec, target), variable, link)


def _mount(spec: AgentSpec, target: str) -> MountSpec:
    return MountSpec(type="bind", source=spec.directory, target=target, read_only=True)


def launcher_fragments(placed: Placed) -> dict[str, Any]:
    """The same for those who start containers themselves. The link is not among them: no option makes one.

    ``docker_args`` for ``docker run``, ``engine_api`` for the body of ``POST /containers/create``,
    ``compose`` for a service of a compose file.
    """
    mount, variable = placed.mount, placed.variable
    arguments = ["--mount", f"type=bind,source={mount.source},target={mount.target},readonly"]
    entry = {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": True}
    volume = {
        "type": "bind",
        "source": mount.source,
        "target": mount.target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }
    fragments: dict[str, Any] = {
        "docker_args": arguments,
        "engine_api": {"HostConfig": {"Mounts": [entry]}},
        "compose": {"volumes": [volume]},
    }
    if variable:
        arguments += ["--env", f"{variable}={mount.target}"]
        fragments["engine_api"]["Env"] = [f"{variable}={mount.target}"]
        fragments["compose"]["environment"] = {variable: mount.target}
    return fragments
