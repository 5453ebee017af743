# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the credentials directory appears in a container: placement → mount, variable and link. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import Iterable, Mapping

from .._base.paths import is_below, normalise
from .._catalog.cli import AgentCli
from .._engine.mounts import MountSpec
from .config import AgentSpec
from .passwd import Passwd

STORE_TARGETS = "/run/agent-credentials"
SHARED_TARGETS = "/run/agent-auth"


@dataclass(frozen=True)
class Desired:
    """What a container must have so that its agent CLI finds the credentials directory."""

    mount: MountSpec
    variable: str | None
    """Environment variable that is set to the mount's target, or to ``variable_value``."""
    links: tuple[str, ...]
    """Paths in the container that must be symbolic links to :meth:`link_target`, that of its user first.

    None where the placement needs none or no place is known.
    """
    home: str | None = None
    """The value to set ``HOME`` to."""
    passwd: Passwd | None = None
    """The passwd file for a uid that has no entry."""
    variable_value: str | None = None

    def link_target(self, cli: AgentCli) -> str:
        return posixpath.join(self.mount.target, cli.file)

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return (self.mount, self.passwd.mount) if self.passwd else (self.mount,)

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """Environment variables to set."""
        own = ((self.variable, self.variable_value or self.mount.target),) if self.variable else ()
        return own + ((("HOME", self.home),) if self.home else ())


def config_directory(cli: AgentCli, environment: Mapping[str, str], home: str | None) -> str | None:
    """Where ``cli`` keeps its state in a container; ``None`` when its home is not known."""
    moved = environment.get(cli.config_dir_variable or "")
    if moved and moved.startswith("/"):
        return normalise(posixpath.join(moved, cli.config_dir_suffix))
    home = environment.get("HOME") or home
    return normalise(posixpath.join(home, cli.config_dir)) if home and home.startswith("/") else None


def desired_state(
    spec: AgentSpec, environment: Mapping[str, str], home: str | None, passwd: Passwd | None = None
) -> Desired | None:
    """What ``spec`` asks of a container with ``environment`` whose user's home is ``home``.

    ``None`` when the placement depends on the home directory and that is not known.
    """
    # What an earlier mode shared has set goes away with it.
    environment = {name: value for name, value in environment.items() if not is_our_target(value, spec.cli)}
    if spec.home:
        environment["HOME"] = spec.home
    directory = config_directory(spec.cli, environment, home)
    if spec.is_shared:
        return _desired_shared(spec, directory, passwd)
    if spec.placement == "config_dir":
        target = spec.target or directory
        return Desired(_mount(spec, target), None, (), spec.home, passwd) if target else None
    target = spec.target or posixpath.join(STORE_TARGETS, spec.cli.name)
    variable = spec.cli.store_variable if spec.placement == "store" else None
    desired = Desired(_mount(spec, target), variable, (), spec.home, passwd)
    return with_links(desired, spec, [posixpath.join(directory, spec.cli.credential)] if directory else [])


def with_links(desired: Desired, spec: AgentSpec, paths: Iterable[str]) -> Desired:
    """The same with more links, where the agent CLI leaves a link in place; what is in the mount needs none."""
    if spec.is_shared or "link" not in spec.cli.placements:
        return desired
    outside = [path for path in paths if path.startswith("/") and not is_below(path, desired.mount.target)]
    return replace(desired, links=tuple(dict.fromkeys((*desired.links, *outside))))


def _desired_shared(spec: AgentSpec, directory: str | None, passwd: Passwd | None) -> Desired | None:
    """Away from the home, by the CLI's variable: in the home the engine would make missing parents as root's.

    A CLI without a variable gets it where it looks, at ``directory``.
    """
    variable, suffix = spec.cli.config_dir_variable, spec.cli.config_dir_suffix
    if variable is None:
        target = spec.target or directory
        return Desired(_mount(spec, target), None, (), spec.home, passwd) if target else None
    root = spec.target or posixpath.join(SHARED_TARGETS, spec.cli.name)
    target = root if spec.cli.shared_dir else normalise(posixpath.join(root, suffix))
    return Desired(_mount(spec, target), variable, (), spec.home, passwd, root)


def _mount(spec: AgentSpec, target: str) -> MountSpec:
    return MountSpec(type="bind", source=spec.directory, target=target, read_only=not spec.is_shared)


def is_our_target(path: str, cli: AgentCli) -> bool:
    """Whether a path of a container is where this collection mounts something of the CLI."""
    roots = (f"{top}/{cli.name}" for top in (STORE_TARGETS, SHARED_TARGETS))
    return any(path == root or is_below(path, root) for root in roots)


def is_our_link(target: str, mounts: Iterable[MountSpec]) -> bool:
    """Whether a link that leads there is one that this collection makes: into a mount of it, or where one was."""
    directory = posixpath.dirname(target)
    return any(is_below(target, top) for top in (STORE_TARGETS, SHARED_TARGETS)) or any(
        mount.type == "bind" and mount.read_only and mount.target == directory for mount in mounts
    )


def earlier_targets(cli: AgentCli, desired: Desired, mounts: Iterable[MountSpec]) -> tuple[str, ...]:
    """Targets of bind mounts that another mode or placement of the same CLI has left."""
    return tuple(
        mount.target
        for mount in mounts
        if mount.type == "bind" and mount.target != desired.mount.target and is_our_target(mount.target, cli)
    )


def earlier_variables(cli: AgentCli, desired: Desired, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of the CLI that point where another mode or placement had its mount."""
    set_now = dict(desired.variables)
    return tuple(
        name
        for name in (cli.store_variable, cli.config_dir_variable)
        if name and name not in set_now and is_our_target(environment.get(name, ""), cli)
    )


def is_file_mount(mount: MountSpec, spec: AgentSpec, desired: Desired | None) -> bool:
    """Whether ``mount`` shows the credential as a file, which pins the file's inode."""
    cli = spec.cli
    usual = f"/{cli.config_dir}/{cli.credential}"
    places = [posixpath.join(desired.mount.target, cli.file), *desired.links] if desired else []
    return mount.type == "bind" and (
        mount.source in spec.old_login_files or mount.target.endswith(usual) or mount.target in places
    )
