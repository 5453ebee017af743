# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agents whose containers a launcher starts: no container is looked at, and the mount is handed over as data. Pure."""

from __future__ import annotations

from typing import Any

from .config import AgentSpec
from .passwd import BARE_PASSWD, needed_passwd
from .placement import Desired, desired_state


def desired_without_container(spec: AgentSpec) -> Desired | None:
    """What ``spec`` asks of a container that nobody has looked at."""
    return desired_state(spec, {}, None, needed_passwd(spec, spec.user or "", BARE_PASSWD, None))


def launcher_faults(spec: AgentSpec) -> list[str]:
    """What a launcher's agent must say itself, because there is no container that shows it."""
    faults = []
    if desired_without_container(spec) is None:
        faults.append(
            f"{spec.name}: container.home is not set, and no container is looked at that shows it; set "
            f"container.home, or container.target."
        )
    if spec.passwd_root and not (spec.user and spec.home):
        faults.append(
            f"{spec.name}: container.passwd needs container.user and container.home where no container is looked at; "
            f"set both."
        )
    return faults


def quadlet_lines(desired: Desired) -> list[str]:
    """The lines of a ``.container`` file (podman-systemd.unit(5))."""
    lines = []
    for mount in desired.mounts:
        read_only = ",ro" if mount.read_only else ""
        lines.append(f"Mount={_in_unit(f'type=bind,source={mount.source},target={mount.target}{read_only}')}")
    return lines + [f"Environment={_in_unit(f'{name}={value}')}" for name, value in desired.variables]


def _in_unit(text: str) -> str:
    """A word of a unit file, in which % begins a specifier. No path or variable of ours holds a quote."""
    text = text.replace("%", "%%").replace("\\", "\\\\")
    return f'"{text}"' if any(character.isspace() for character in text) else text


def devcontainer_part(desired: Desired, user: str | None = None) -> dict[str, Any]:
    """A part of a devcontainer.json. ``remoteUser`` where the configuration names whom the container runs as."""
    part: dict[str, Any] = {
        "mounts": [
            f"type=bind,source={mount.source},target={mount.target}{',readonly' if mount.read_only else ''}"
            for mount in desired.mounts
        ]
    }
    if desired.variables:
        part["containerEnv"] = dict(desired.variables)
    if user:
        part["remoteUser"] = user.partition(":")[0]
    return part


def launcher_fragments(desired: Desired) -> dict[str, Any]:
    """The mount and its variables for those who start containers themselves. No option makes the link.

    ``docker_args`` for ``docker run`` and ``podman run``, ``engine_api`` for the body of ``POST /containers/create``,
    ``compose`` for a service of a compose file, ``quadlet`` for the section ``[Container]`` of podman's unit file.
    """
    arguments: list[str] = []
    entries: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = []
    for mount in desired.mounts:
        read_only = ",readonly" if mount.read_only else ""
        arguments += ["--mount", f"type=bind,source={mount.source},target={mount.target}{read_only}"]
        entry = {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
        entries.append(entry)
        volumes.append(
            {
                "type": "bind",
                "source": mount.source,
                "target": mount.target,
                "read_only": mount.read_only,
                "bind": {"create_host_path": False},
            }
        )
    fragments: dict[str, Any] = {
        "docker_args": arguments,
        "engine_api": {"HostConfig": {"Mounts": entries}},
        "compose": {"volumes": volumes},
        "quadlet": quadlet_lines(desired),
    }
    environment = dict(desired.variables)
    if environment:
        assignments = [f"{name}={value}" for name, value in environment.items()]
        arguments += [word for assignment in assignments for word in ("--env", assignment)]
        fragments["engine_api"]["Env"] = assignments
        fragments["compose"]["environment"] = environment
    return fragments
