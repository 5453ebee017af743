# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""The agents' configuration: ``agents.json`` or the same form inline → :class:`AgentSpec`.

Every fault of every agent is found before anything is touched, and all are reported at once.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible_collections.agentops.credentials.plugins.module_utils._catalog import CATALOG, AgentCli
from ansible_collections.agentops.credentials.plugins.module_utils._errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._mounts import normalise

SUFFIX_NEW = ".am-new"
SUFFIX_OLD = ".am-old"
"""What a container is called while it is being replaced; no configured container may end so."""

_FIELDS = ("name", "credentials_host_dir", "credentials_host_path", "placement", "target", "mode", "cli")


@dataclass(frozen=True)
class AgentSpec:
    """One agent as configured.

    ``directory``     the credentials directory on the host
    ``field``         the field of the configuration that named it, for messages
    ``target``        explicit target in the container, or ``None`` where the placement decides
    ``former_files``  host files which file mounts of this agent may show
    ``idle_command``  run in the container: exit status 0 means that it may be recreated now; empty: it always may
    """

    name: str
    container: str
    cli: AgentCli
    directory: str
    field: str
    placement: str
    target: str | None
    former_files: tuple[str, ...]
    idle_command: tuple[str, ...] = ()


@dataclass(frozen=True)
class DirectoryFacts:
    """What is at a host path: ``kind`` is ``directory``, ``missing``, ``unreadable`` or ``other``.

    ``identity`` is ``(st_dev, st_ino)``; ``names`` are the directory's entries; ``acl_uids`` and
    ``acl_gids`` are those that an access control list lets read and search it.
    """

    path: str
    kind: str
    identity: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    mode: int = 0
    uid: int = 0
    gid: int = 0
    acl_uids: tuple[int, ...] = ()
    acl_gids: tuple[int, ...] = ()

    def lets_in(self, uid: int, gid: int) -> bool:
        """Whether a process may list the directory and open files in it, by mode and access control list."""
        if uid in (0, self.uid):
            return True
        if uid in self.acl_uids or gid in self.acl_gids:
            return True
        if gid == self.gid:
            return self.mode & 0o050 == 0o050
        return self.mode & 0o005 == 0o005


def load(text: str, where: str) -> Any:
    """Parse the JSON ``text`` of the file ``where``.

    :raises ConfigError: it is not JSON. The text is not repeated: the file may hold other secrets.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{where} is not valid JSON{place}; mend the file.") from None


def parse(
    document: Any, where: str, home: str, mirrored: Mapping[str, str]
) -> tuple[tuple[AgentSpec, ...], tuple[str, ...]]:
    """The agents of ``document`` that are well described, in its order, and the faults of all.

    :param where: what the document is called in messages, e.g. the path of agents.json.
    :param home: what ``~/`` stands for.
    :param mirrored: source → credentials directory, for every source that a mirror publishes here.
    """
    if not isinstance(document, dict) or not isinstance(document.get("agents"), dict):
        return (), (f'{where} is not an object with the key "agents"; write {{"agents": {{"NAME": {{...}}}}}}.',)
    faults: list[str] = []
    specs: list[AgentSpec] = []
    for name, agent in document["agents"].items():
        try:
            specs.append(_parse_agent(str(name), agent, where, home, mirrored))
        except ConfigError as error:
            faults.extend(error.faults)
    owner: dict[str, str] = {}
    for spec in specs:
        if spec.container in owner:
            faults.append(
                f"{spec.name}: container.name {spec.container} is already the container of agent "
                f"{owner[spec.container]}; give each agent a container of its own."
            )
        owner.setdefault(spec.container, spec.name)
    return tuple(specs), tuple(faults)


def _parse_agent(name: str, agent: Any, where: str, home: str, mirrored: Mapping[str, str]) -> AgentSpec:
    container = agent.get("container") if isinstance(agent, dict) else None
    if not isinstance(container, dict):
        raise ConfigError(
            f'{name}: has no "container" in {where}; add container.name and container.credentials_host_dir, '
            f"or take the agent out of {where}."
        )
    wrong = [key for key in _FIELDS if container.get(key) is not None and not isinstance(container[key], str)]
    if wrong:
        raise ConfigError(*(f"{name}: container.{key} is not a string; write it in quotes." for key in wrong))

    def fault(field: str, what: str) -> ConfigError:
        return ConfigError(f"{name}: container.{field} {what}")

    def path(field: str) -> str | None:
        value: str = container.get(field) or ""
        if not value:
            return None
        if value.startswith("~/"):
            value = posixpath.join(home, value[2:])
        if not value.startswith("/"):
            raise fault(field, f"{value} is a relative path; write the absolute path (or begin it with ~/).")
        if any(character in value for character in ',:"\n'):
            raise fault(field, f"{value!r} holds a comma, colon, quote or line break; use a path without them.")
        return normalise(value)

    container_name = container.get("name") or name
    if container_name.endswith((SUFFIX_NEW, SUFFIX_OLD)):
        raise fault("name", f"{container_name} ends in a suffix that marks containers being replaced; rename it.")

    cli_name = container.get("cli") or "claude"
    cli = CATALOG.get(cli_name)
    if cli is None:
        raise fault("cli", f"{cli_name} is not an agent CLI of the catalogue; use one of {', '.join(CATALOG)}.")

    mode = container.get("mode") or "mirror"
    if mode != "mirror":
        raise fault("mode", f"{mode} is not known; use mirror.")

    placement = container.get("placement") or cli.placements[0]
    if placement not in cli.placements:
        raise fault("placement", f"{placement} does not work for {cli.name}; use {' or '.join(cli.placements)}.")

    idle_command = container.get("only_when_idle") or []
    if not isinstance(idle_command, list) or not all(isinstance(word, str) for word in idle_command):
        raise fault("only_when_idle", 'is not a list of strings; write the command as ["PROGRAM", "ARGUMENT"].')

    former = path("credentials_host_path")
    directory = path("credentials_host_dir")
    field = "credentials_host_dir"
    if directory is None and former is not None:
        field = "credentials_host_path"
        directory = mirrored.get(former, posixpath.dirname(former))
    if directory is None:
        raise ConfigError(
            f"{name}: container has neither credentials_host_dir nor credentials_host_path; "
            f"set container.credentials_host_dir to the agent's credentials directory."
        )
    files = [former] if former else []
    files += [source for source, published in mirrored.items() if published == directory]
    files.append(posixpath.join(directory, cli.file))
    return AgentSpec(
        name=name,
        container=container_name,
        cli=cli,
        directory=directory,
        field=field,
        placement=placement,
        target=path("target"),
        former_files=tuple(dict.fromkeys(files)),
        idle_command=tuple(idle_command),
    )


def directory_faults(spec: AgentSpec, facts: DirectoryFacts) -> Sequence[str]:
    """Why the credentials directory of ``spec`` must not be mounted; empty when it may."""
    where = f"{spec.name}: container.{spec.field}"
    if facts.kind == "missing":
        return (
            f"{where}: the directory {facts.path} does not exist; create it with the role "
            f"agentops.credentials.creds_mirror, or name another.",
        )
    if facts.kind == "unreadable":
        return (f"{where}: the directory {facts.path} cannot be read by the user who runs this module; use become.",)
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


def directory_warnings(spec: AgentSpec, facts: DirectoryFacts) -> Sequence[str]:
    """What is unwise about the credentials directory, though it works."""
    if facts.kind == "directory" and facts.mode & 0o007:
        return (
            f"{spec.name}: the credentials directory {facts.path} is open to every user of the host "
            f"(mode {facts.mode:04o}); set it to 0700.",
        )
    return ()
