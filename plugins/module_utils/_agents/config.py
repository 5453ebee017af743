# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agents' configuration: ``agents.json`` or the same form inline → :class:`AgentSpec`.

Every fault of every agent is found before anything is touched, and all are reported at once.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from .._base.errors import ConfigError
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._base.paths import normalise
from .._catalog import cli as _cli
from .._catalog.cli import AgentCli
from .._catalog.rows import CATALOG
from .._host.filesystem import DirectoryFacts

SHARED_ROOT = "~/.local/share/agentops/agent-auth"
PASSWD_ROOT = "~/.local/share/agentops/passwd"
MODES = ("mirror", "shared")

_TEXTS = (
    "name", "credentials_host_dir", "credentials_host_path", "placement", "target", "mode", "cli", "home", "user"
)  # fmt: skip
_SWITCHES = ("passwd", "force_placement")


@dataclass(frozen=True)
class Context:
    """What a configuration is read with.

    ``where``        what the document is called in messages, e.g. the path of agents.json
    ``home``         what ``~/`` stands for on the host
    ``mirrored``     source → credentials directory, for every source that a mirror publishes here
    ``catalog``      the agent CLIs
    ``shared_root``  the directory that holds the shared auth directories
    """

    where: str
    home: str
    mirrored: Mapping[str, str] = field(default_factory=dict)
    catalog: Mapping[str, AgentCli] = field(default_factory=lambda: CATALOG)
    shared_root: str = SHARED_ROOT

    def path(self, path: str) -> str:
        """A host path of the user's, ``~/`` replaced."""
        return normalise(posixpath.join(self.home, path[2:]) if path.startswith("~/") else path)


@dataclass(frozen=True)
class AgentSpec:
    """One agent as configured.

    ``directory``     the credentials directory, or in mode shared the shared auth directory, on the host
    ``field``         the field of the configuration that named it, for messages
    ``target``        explicit target in the container, or ``None`` where the placement decides
    ``former_files``  host files which file mounts of this agent may show
    ``idle_command``  run in the container: exit status 0 means that it may be recreated now; empty: it always may
    ``forced``        use the placement even with a version of the CLI that was measured to fail with it
    ``home``          ``HOME`` to set in the container, or ``None`` to leave it
    ``user``          the user that a launcher's container runs as (``uid`` or ``uid:gid``); else the engine tells
    ``passwd_root``   where to keep a passwd file for a uid without an entry; ``None`` if none is asked for
    """

    name: str
    container: str
    cli: AgentCli
    directory: str
    field: str
    placement: str
    target: str | None
    former_files: tuple[str, ...]
    mode: str = "mirror"
    idle_command: tuple[str, ...] = ()
    forced: bool = False
    home: str | None = None
    user: str | None = None
    passwd_root: str | None = None

    @property
    def is_shared(self) -> bool:
        return self.mode == "shared"

    @property
    def ids(self) -> tuple[int | None, int | None]:
        """uid and gid that a launcher's container runs as, as far as the configuration tells."""
        uid, _colon, gid = (self.user or "").partition(":")
        return int(uid) if uid else None, int(gid) if gid else None

    @property
    def credential(self) -> str:
        """The credential file's path in ``directory``."""
        if not self.is_shared:
            return self.cli.file
        inner = self.cli.config_dir_suffix if self.cli.shared_dir else ""
        return posixpath.join(inner, self.cli.credential)


@dataclass(frozen=True)
class Agents:
    """What a configuration says: the agents that are well described, the faults of the others, and notes."""

    specs: tuple[AgentSpec, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load(text: str, where: str) -> Any:
    """Parse the JSON ``text`` of the file ``where``.

    :raises ConfigError: it is not JSON. The text is not repeated: the file may hold other secrets.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{where} is not valid JSON{place}; mend the file.") from None


def parse(document: Any, context: Context) -> Agents:
    """The agents of ``document``, in its order. An agent whose command is no agent CLI is left out, with a note."""
    where = context.where
    if not isinstance(document, dict) or not isinstance(document.get("agents"), dict):
        return Agents(
            faults=(f'{where} is not an object with the key "agents"; write {{"agents": {{"NAME": {{...}}}}}}.',)
        )
    faults: list[str] = []
    notes: list[str] = []
    specs: list[AgentSpec] = []
    for name, agent in document["agents"].items():
        try:
            spec = _parse_agent(str(name), agent, context)
        except ConfigError as error:
            faults.extend(error.faults)
        except _NoAgentCli as other:
            notes.append(str(other))
        else:
            specs.append(spec)
    owner: dict[str, str] = {}
    for spec in specs:
        if spec.container in owner:
            faults.append(
                f"{spec.name}: container.name {spec.container} is already the container of agent "
                f"{owner[spec.container]}; give each agent a container of its own."
            )
        owner.setdefault(spec.container, spec.name)
    return Agents(tuple(specs), tuple(faults), tuple(notes))


class _NoAgentCli(Exception):
    """An agent runs something else than an agent CLI."""


def _parse_agent(name: str, agent: Any, context: Context) -> AgentSpec:
    where = context.where
    container = agent.get("container") if isinstance(agent, dict) else None
    if not isinstance(container, dict):
        raise ConfigError(
            f'{name}: has no "container" in {where}; add container.name and container.credentials_host_dir, '
            f"or take the agent out of {where}."
        )
    wrong = [f"{key} is not a string; write it in quotes" for key in _TEXTS if not _is(str, container.get(key))]
    wrong += [
        f"{key} is neither true nor false; write one of them" for key in _SWITCHES if not _is(bool, container.get(key))
    ]
    if wrong:
        raise ConfigError(*(f"{name}: container.{fault}." for fault in wrong))

    def fault(key: str, what: str) -> ConfigError:
        return ConfigError(f"{name}: container.{key} {what}")

    def path(key: str) -> str | None:
        value: str = container.get(key) or ""
        if not value:
            return None
        if value.startswith("~/") and key.startswith("credentials_host_"):
            value = context.path(value)
        if not value.startswith("/"):
            raise fault(key, f"{value} is a relative path; write the absolute path (or begin it with ~/).")
        if any(character in value for character in ',:"\n'):
            raise fault(key, f"{value!r} holds a comma, colon, quote or line break; use a path without them.")
        return normalise(value)

    container_name = container.get("name") or name
    if container_name.endswith((SUFFIX_NEW, SUFFIX_OLD)):
        raise fault("name", f"{container_name} ends in a suffix that marks containers being replaced; rename it.")

    cli = _agent_cli(name, agent, container, context)
    mode = container.get("mode") or "mirror"
    if mode not in MODES:
        raise fault("mode", f"{mode} is not known; use {' or '.join(MODES)}.")
    shared = mode == "shared"

    placement = container.get("placement") or ("" if shared else cli.placements[0])
    if shared and placement:
        raise fault("placement", f"{placement} has no meaning with mode shared; take it out.")
    if not shared and placement not in cli.placements:
        raise fault("placement", f"{placement} does not work for {cli.name}; use {' or '.join(cli.placements)}.")

    idle_command = container.get("only_when_idle") or []
    if not isinstance(idle_command, list) or not all(isinstance(word, str) for word in idle_command):
        raise fault("only_when_idle", 'is not a list of strings; write the command as ["PROGRAM", "ARGUMENT"].')
    user = container.get("user")
    if user and not re.fullmatch(r"\d+(:\d+)?", user):
        raise fault("user", f"{user} is not numeric; write it as UID or UID:GID.")

    former = path("credentials_host_path")
    directory = path("credentials_host_dir")
    key = "credentials_host_dir"
    if directory is None and shared:
        key, directory = "mode", context.path(f"{context.shared_root}/{cli.name}/{cli.shared_dir or cli.config_dir}")
    if directory is None and former is not None:
        key = "credentials_host_path"
        directory = context.mirrored.get(former, posixpath.dirname(former))
    if directory is None:
        raise ConfigError(
            f"{name}: container has neither credentials_host_dir nor credentials_host_path; "
            f"set container.credentials_host_dir to the agent's credentials directory."
        )
    files = [former] if former else []
    files += [source for source, published in context.mirrored.items() if published == directory]
    files.append(posixpath.join(directory, cli.file))
    return AgentSpec(
        name=name,
        container=container_name,
        cli=cli,
        directory=directory,
        field=key,
        placement=placement,
        target=path("target"),
        former_files=tuple(dict.fromkeys(files)),
        mode=mode,
        idle_command=tuple(idle_command),
        forced=bool(container.get("force_placement")),
        home=path("home"),
        user=user,
        passwd_root=context.path(PASSWD_ROOT) if container.get("passwd") else None,
    )


def _is(kind: type, value: Any) -> bool:
    return value is None or isinstance(value, kind)


def _agent_cli(name: str, agent: Mapping[str, Any], container: Mapping[str, Any], context: Context) -> AgentCli:
    """The CLI that an agent names, else that of its command, else that of the login it names, else claude.

    :raises ConfigError: the catalogue has no CLI of that name.
    :raises _NoAgentCli: its command is another program, and it names no login.
    """
    known = ", ".join(context.catalog)
    chosen = container.get("cli")
    if chosen and chosen not in context.catalog:
        raise ConfigError(f"{name}: container.cli {chosen} is not an agent CLI of the catalogue; use one of {known}.")
    if chosen:
        return context.catalog[chosen]
    command = container.get("command") or agent.get("command") or ()
    row = _cli.match(command if isinstance(command, (str, list, tuple)) else str(command), context.catalog)
    if row is not None:
        return row
    login = container.get("credentials_host_dir") or container.get("credentials_host_path")
    if command and not login:
        raise _NoAgentCli(
            f"{name}: its command is no agent CLI of the catalogue, so it gets no mount; set container.cli to one of "
            f"{known} if it starts one."
        )
    return _cli_of_login(context.path(login) if login else "", context) or context.catalog["claude"]


def _cli_of_login(path: str, context: Context) -> AgentCli | None:
    """The CLI whose login is at a path, or is mirrored to it."""
    places = [path, *(source for source, directory in context.mirrored.items() if directory == path)]
    rows = context.catalog.values()
    return next((row for row in rows for place in places if place.endswith(f"/{row.source}")), None)


def directory_faults(spec: AgentSpec, facts: DirectoryFacts) -> Sequence[str]:
    """Why the directory of ``spec`` must not be mounted; empty when it may."""
    where = f"{spec.name}: container.{spec.field}"
    if spec.is_shared and facts.kind in ("missing", "directory"):
        return ()
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


def reader_warnings(spec: AgentSpec, facts: DirectoryFacts, uid: int, gid: int) -> Sequence[str]:
    """That the ids which the container runs as may not read the credentials directory, with what mends it."""
    if spec.is_shared or facts.kind != "directory" or facts.lets_in(uid, gid):
        return ()
    return (
        f"{spec.name}: the container runs as uid {uid}, which may not read {facts.path} (uid {facts.uid}, "
        f"mode {facts.mode:04o}); set creds_mirror_readers: {{uids: [{uid}]}} for the role creds_mirror.",
    )


def directory_warnings(spec: AgentSpec, facts: DirectoryFacts) -> Sequence[str]:
    """What is unwise about the credentials directory, though it works."""
    if facts.kind == "directory" and facts.mode & 0o007:
        return (
            f"{spec.name}: the credentials directory {facts.path} is open to every user of the host "
            f"(mode {facts.mode:04o}); set it to 0700.",
        )
    return ()
