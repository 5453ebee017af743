# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the credentials directory appears in a container: placement → mount, variable and link."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from .._base.paths import is_below, normalise
from .._catalog.cli import AgentCli
from .._engine.mounts import MountSpec
from .config import AgentSpec

STORE_ROOT = "/run/agent-credentials"
SHARED_ROOT = "/run/agent-auth"
PASSWD = "/etc/passwd"


@dataclass(frozen=True)
class User:
    """The user a container runs as. ``home`` is what ``HOME`` would be without the variable.

    ``has_entry`` tells whether the container's ``/etc/passwd`` knows the uid.
    """

    uid: int
    gid: int
    home: str
    has_entry: bool = True


@dataclass(frozen=True)
class Passwd:
    """A generated ``/etc/passwd``. Its name is its content's hash, so the one file mount there is never changes."""

    path: str
    text: str = field(repr=False)

    @property
    def mount(self) -> MountSpec:
        return MountSpec("bind", self.path, PASSWD, True)


@dataclass(frozen=True)
class Placed:
    """What a container must have so that its agent CLI finds the credentials directory.

    ``variable`` is the environment variable that is set to the mount's target, or to ``variable_value``. ``link`` is
    the path in the container that must be a symbolic link to ``link_target``; ``None`` where the placement needs none
    or its place cannot be known. ``home`` is the value to set ``HOME`` to, ``passwd`` the passwd file for a uid that
    has no entry.
    """

    mount: MountSpec
    variable: str | None
    link: str | None
    home: str | None = None
    passwd: Passwd | None = None
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
        return User(int(name), int(group) if group.isdigit() else 0, "/", has_entry=False)
    return None


def config_directory(cli: AgentCli, environment: Mapping[str, str], home: str | None) -> str | None:
    """Where ``cli`` keeps its state in a container; ``None`` when its home is not known."""
    moved = environment.get(cli.config_dir_variable or "")
    if moved and moved.startswith("/"):
        return normalise(posixpath.join(moved, cli.config_dir_suffix))
    home = environment.get("HOME") or home
    return normalise(posixpath.join(home, cli.config_dir)) if home and home.startswith("/") else None


def place(
    spec: AgentSpec, environment: Mapping[str, str], home: str | None, passwd: Passwd | None = None
) -> Placed | None:
    """What ``spec`` asks of a container with ``environment`` whose user's home is ``home``.

    ``None`` when the placement depends on the home directory and that is not known.
    """
    # What an earlier mode shared has set goes away with it.
    environment = {name: value for name, value in environment.items() if not _is_ours(value, spec.cli)}
    if spec.home:
        environment["HOME"] = spec.home
    directory = config_directory(spec.cli, environment, home)
    if spec.is_shared:
        return _place_shared(spec, directory, passwd)
    if spec.placement == "config_dir":
        target = spec.target or directory
        return Placed(_mount(spec, target), None, None, spec.home, passwd) if target else None
    target = spec.target or posixpath.join(STORE_ROOT, spec.cli.name)
    link = posixpath.join(directory, spec.cli.credential) if directory else None
    if link and (directory == target or is_below(link, target)):
        link = None
    variable = spec.cli.store_variable if spec.placement == "store" else None
    return Placed(_mount(spec, target), variable, link, spec.home, passwd)


def _place_shared(spec: AgentSpec, directory: str | None, passwd: Passwd | None) -> Placed | None:
    """Away from the home, by the CLI's variable: in the home the engine would make missing parents as root's.

    A CLI without a variable gets it where it looks, at ``directory``.
    """
    variable, suffix = spec.cli.config_dir_variable, spec.cli.config_dir_suffix
    if variable is None:
        target = spec.target or directory
        return Placed(_mount(spec, target), None, None, spec.home, passwd) if target else None
    root = spec.target or posixpath.join(SHARED_ROOT, spec.cli.name)
    target = root if spec.cli.shared_dir else normalise(posixpath.join(root, suffix))
    return Placed(_mount(spec, target), variable, None, spec.home, passwd, root)


def _is_ours(path: str, cli: AgentCli) -> bool:
    return any(
        path == root or is_below(path, root) for root in (f"{top}/{cli.name}" for top in (STORE_ROOT, SHARED_ROOT))
    )


def earlier_targets(cli: AgentCli, placed: Placed, mounts: Iterable[MountSpec]) -> tuple[str, ...]:
    """Targets of bind mounts that another mode or placement of the same CLI has left."""
    return tuple(
        mount.target
        for mount in mounts
        if mount.type == "bind" and mount.target != placed.mount.target and _is_ours(mount.target, cli)
    )


def earlier_variables(cli: AgentCli, placed: Placed, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of the CLI that point where another mode or placement had its mount."""
    wanted = dict(placed.variables)
    return tuple(
        name
        for name in (cli.store_variable, cli.config_dir_variable)
        if name and name not in wanted and _is_ours(environment.get(name, ""), cli)
    )


def _mount(spec: AgentSpec, target: str) -> MountSpec:
    return MountSpec(type="bind", source=spec.directory, target=target, read_only=not spec.is_shared)


BARE_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"


def needed_passwd(spec: AgentSpec, user: str, passwd: str, home: str | None) -> Passwd | None:
    """The passwd file for the ``user`` of a container (``Config.User``), if it is asked for and lacks the uid's entry.

    :param passwd: text of the container's own ``/etc/passwd``, which it goes on with.
    """
    uid, _colon, gid = user.partition(":")
    has_entry = any(line.split(":")[2:3] == [uid] for line in passwd.splitlines())
    if spec.passwd_root is None or not uid.isdigit() or has_entry:
        return None
    entry = f"agent:x:{uid}:{gid if gid.isdigit() else 0}:agent:{spec.home or home or '/'}:/bin/sh\n"
    text = passwd + ("" if passwd.endswith("\n") or not passwd else "\n") + entry
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Passwd(f"{spec.passwd_root}/{name}", text)


def place_unseen(spec: AgentSpec) -> Placed | None:
    """What ``spec`` asks of a container that nobody has looked at: a launcher will start it."""
    return place(spec, {}, None, needed_passwd(spec, spec.user or "", BARE_PASSWD, None))


def unseen_faults(spec: AgentSpec) -> list[str]:
    """What a launcher's agent must say itself, because there is no container to tell it."""
    faults = []
    if place_unseen(spec) is None:
        faults.append(
            f"{spec.name}: container.home is not set, and no container is looked at that would tell it; set "
            f"container.home, or container.target."
        )
    if spec.passwd_root and not (spec.user and spec.home):
        faults.append(
            f"{spec.name}: container.passwd needs container.user and container.home where no container is looked at; "
            f"set both."
        )
    return faults


def launcher_fragments(placed: Placed) -> dict[str, Any]:
    """The same for those who start containers themselves. The link is not among them: no option makes one.

    ``docker_args`` for ``docker run``, ``engine_api`` for the body of ``POST /containers/create``,
    ``compose`` for a service of a compose file.
    """
    arguments: list[str] = []
    entries: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = []
    for mount in placed.mounts:
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
    }
    environment = dict(placed.variables)
    if environment:
        assignments = [f"{name}={value}" for name, value in environment.items()]
        arguments += [word for assignment in assignments for word in ("--env", assignment)]
        fragments["engine_api"]["Env"] = assignments
        fragments["compose"]["environment"] = environment
    return fragments
