# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agents' configuration: ``agents.json`` or the same form inline → :class:`AgentSpec`. Pure.

Every fault of every agent is found before anything is touched, and all are reported at once.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Mapping, Sequence, cast

from .._base.errors import ConfigError
from .._base.names import SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE
from .._base.near import nearest
from .._base.paths import is_below, normalise
from .._base.printable import printable
from .._catalog.cli import AgentCli, cli_of_command
from .._catalog.mirror_paths import SHARED_ROOT
from .._catalog.rows import CATALOG

Mode = Literal["mirror", "shared"]
MODES: tuple[Mode, ...] = ("mirror", "shared")

PASSWD_ROOT = "~/.local/share/agentops/passwd"

_TEXTS = (
    "name", "credentials_host_dir", "credentials_host_path", "placement", "target", "mode", "cli", "home", "user",
    "remote_user",
)  # fmt: skip
CONTAINER_KEYS = frozenset((*_TEXTS, "command", "only_when_idle", "passwd", "force_placement", "accept_exposure"))
"""The keys of an agent's ``container`` that are read."""
_PATH_LIMIT, _NAME_LIMIT = 4095, 255  # bytes, as Linux has them
_ID_LIMIT = 4294967294  # the highest uid; one more means none
_REMOTE_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}|[0-9]{1,10}(:[0-9]{1,10})?")
_SWITCHES = ("passwd", "force_placement", "accept_exposure")


@dataclass(frozen=True)
class Allowed:
    """What the operator lets the configuration name, whose writer is trusted with his own files and nothing else."""

    directories: tuple[str, ...] = ()
    """Directories of the host, with all below them, that may be mounted next to the mirrors' and the user's own."""
    containers: tuple[str, ...] = ("*",)
    """Patterns of the containers' names."""
    commands: bool = True
    """Whether commands may be run in the containers (``only_when_idle``)."""


@dataclass(frozen=True)
class ConfigContext:
    """What a configuration is read with."""

    where: str
    """What the document is called in messages, e.g. the path of ``agents.json``."""
    home: str
    """What ``~/`` stands for on the host."""
    mirrored: Mapping[str, str] = field(default_factory=dict)
    """Source → credentials directory, for every source that a mirror publishes here."""
    catalog: Mapping[str, AgentCli] = field(default_factory=lambda: CATALOG)
    shared_root: str = SHARED_ROOT
    """The directory that holds the shared auth directories."""
    shared_roots: tuple[str, ...] = ()
    """The same with links resolved; none where a link of the user's leads it out of his home."""
    owner_uid: int | None = None
    """Whose directories the configuration may name; ``None`` where no host is looked at."""
    allowed: Allowed = field(default_factory=Allowed)
    former_places: Mapping[str, str] = field(default_factory=dict)
    """Directories as they are → where the other place (``mirror_place``) has them; what lies below moves with them."""

    def path(self, path: str) -> str:
        """A host path of the user's, ``~/`` replaced."""
        return normalise(posixpath.join(self.home, path[2:]) if path.startswith("~/") else path)

    def current(self, path: str) -> str:
        """Where a directory is whose path may be that of the other place."""
        return _moved(path, {former: now for now, former in self.former_places.items()}) or path

    def former(self, path: str) -> str | None:
        """Where the other place has a directory; ``None`` if it does not depend on the place."""
        return _moved(path, self.former_places)


def _moved(path: str, moves: Mapping[str, str]) -> str | None:
    return next((to + path[len(one) :] for one, to in moves.items() if path == one or is_below(path, one)), None)


@dataclass(frozen=True)
class AgentSpec:
    """One agent as configured."""

    name: str
    container: str
    """Name of the agent's container."""
    cli: AgentCli
    directory: str
    """The credentials directory on the host; in mode shared the shared auth directory."""
    configured_by: str
    """The field of the configuration that named the directory, for messages."""
    placement: str
    target: str | None
    """Explicit target in the container, or ``None`` where the placement decides."""
    old_login_files: tuple[str, ...]
    """Host files that file mounts of this agent may show."""
    mode: Mode = "mirror"
    idle_command: tuple[str, ...] = ()
    """Run in the container: exit status 0 means that it may be recreated now. Empty: it always may."""
    force_placement: bool = False
    """Use the placement even with a version of the CLI that was measured to fail with it."""
    home: str | None = None
    """``HOME`` to set in the container, or ``None`` to leave it."""
    user: str | None = None
    """``UID`` or ``UID:GID`` that a launcher's container runs as; else the engine reports it."""
    remote_user: str | None = None
    """As whom the agent CLI is started in a running container, by its name or id there; else by what that says."""
    accepts_exposure: bool = False
    """Whether the host's login may be in the container's reach."""
    sources: tuple[str, ...] = ()
    """The logins of the host that are mirrored: nothing of them but what is published may be in reach."""
    passwd_root: str | None = None
    """Where to keep a passwd file for a uid without an entry; ``None`` if none is asked for."""
    companions: tuple[str, ...] = ()
    """The agent CLIs of the other agents in the same container."""
    former: str | None = None
    """Where the other place has the directory; ``None`` if it does not depend on the place."""

    @property
    def is_shared(self) -> bool:
        return self.mode == "shared"

    @property
    def ids(self) -> tuple[int | None, int | None]:
        """uid and gid that a launcher's container runs as, where the configuration names them."""
        uid, _colon, gid = (self.user or "").partition(":")
        return int(uid) if uid else None, int(gid) if gid else None

    @property
    def credential(self) -> str:
        """The credential file's path in ``directory``."""
        if not self.is_shared:
            return self.cli.file
        inner = self.cli.config_dir_suffix if self.cli.shared_dir else ""
        return posixpath.join(inner, self.cli.credential)

    @property
    def published_path(self) -> str:
        """The published credential file on the host."""
        return posixpath.join(self.directory, self.credential)


@dataclass(frozen=True)
class ParsedConfig:
    """What a configuration says."""

    agents: tuple[AgentSpec, ...] = ()
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Agent → what is wrong with its entry, one sentence each; these agents are not among ``agents``."""
    notes: tuple[str, ...] = ()


def load(text: str, where: str) -> Any:
    """Parse the JSON ``text`` of the file ``where``.

    :raises ConfigError: it is not JSON. The text is not repeated: the file may hold other secrets.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{where} is not valid JSON{place}; correct the file.") from None


def parse(document: Any, context: ConfigContext) -> ParsedConfig:
    """The agents of ``document``, in its order. An agent whose command is no agent CLI is left out, with a note.

    :raises ConfigError: it is no configuration of agents at all; the faults of single agents are returned.
    """
    where = context.where
    if not isinstance(document, dict) or not isinstance(document.get("agents"), dict):
        raise ConfigError(f'{where} is not an object with the key "agents"; write {{"agents": {{"NAME": {{...}}}}}}.')
    faults: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    agents: list[AgentSpec] = []
    for name, entry in document["agents"].items():
        if len(str(name)) > _NAME_LIMIT:
            name = printable(str(name), limit=60)
            faults[name] = (f"{name}: the agent's name is longer than {_NAME_LIMIT} characters; use a shorter one.",)
            continue
        notes += _misspelt(str(name), entry)
        try:
            agents.append(_Entry(str(name), entry, context).parse())
        except ConfigError as error:
            faults[str(name)] = error.faults
        except _NoAgentCliError as other:
            notes.append(str(other))
    served: list[AgentSpec] = []
    for spec in agents:
        fault = _container_fault(spec, [other for other in served if other.container == spec.container])
        if fault:
            faults[spec.name] = (fault,)
        else:
            served.append(spec)
    return ParsedConfig(tuple(_joined(spec, served) for spec in served), faults, tuple(notes))


def _misspelt(name: str, entry: Any) -> list[str]:
    """A sentence for each key that is not read, and near to one that is."""
    container = entry.get("container") if isinstance(entry, dict) else None
    keys = [str(key) for key in container] if isinstance(container, dict) else []
    found = [(key, nearest(key, CONTAINER_KEYS)) for key in keys if len(key) <= _NAME_LIMIT]
    return [
        f"{name}: container.{printable(key)} is not read; did you mean container.{near}?" for key, near in found if near
    ]


_OF_THE_CONTAINER = ("home", "user", "passwd_root")
"""What is the container's rather than the agent's; one of its agents may state it for all."""


def _container_fault(spec: AgentSpec, others: Sequence[AgentSpec]) -> str | None:
    """Why an agent cannot be in the container of others."""
    for other in others:
        begin = f"{spec.name}: container.name {spec.container} is already the container of agent {other.name}"
        if other.cli.name == spec.cli.name:
            return f"{begin} with the same agent CLI; give each agent of {spec.cli.name} a container of its own."
        for key in _OF_THE_CONTAINER:
            stated = {value for value in (getattr(spec, key), getattr(other, key)) if value}
            if len(stated) > 1:
                name = key.replace("_root", "")
                return f"{begin}, which has another container.{name}; write the same for both, or for one alone."
    return None


def _joined(spec: AgentSpec, agents: Sequence[AgentSpec]) -> AgentSpec:
    """An agent with what the others of its container state of that."""
    others = [other for other in agents if other.container == spec.container and other is not spec]
    home, user, passwd_root = (
        next((value for value in (getattr(one, key) for one in (spec, *others)) if value), None)
        for key in _OF_THE_CONTAINER
    )
    companions = tuple(other.cli.name for other in others)
    return replace(spec, companions=companions, home=home, user=user, passwd_root=passwd_root)


class _NoAgentCliError(Exception):
    """An agent runs something else than an agent CLI."""


class _Entry:
    """One entry of the configuration while it is parsed; each method reads one thing of it."""

    def __init__(self, name: str, agent: Any, context: ConfigContext) -> None:
        container = agent.get("container") if isinstance(agent, dict) else None
        if not isinstance(container, dict):
            raise ConfigError(
                f'{name}: has no "container" in {context.where}; add container.name and '
                f"container.credentials_host_dir, or take the agent out of {context.where}."
            )
        self.name, self.agent, self.container, self.context = name, agent, container, context

    def parse(self) -> AgentSpec:
        self._check_types()
        container, context = self.container, self.context
        name = self._container_name()
        cli = self._cli()
        mode = self._mode()
        placement = self._placement(mode, cli)
        idle_command = self._idle_command()
        user = self._user()
        login = self._path("credentials_host_path")
        directory, configured_by = self._directory(mode, cli, login)
        files = [login] if login else []
        files += [source for source, published in context.mirrored.items() if published == directory]
        former = context.former(directory)
        files += [posixpath.join(place, cli.file) for place in (directory, former) if place]
        return AgentSpec(
            name=self.name,
            container=name,
            cli=cli,
            directory=directory,
            configured_by=configured_by,
            placement=placement,
            target=self._path("target"),
            old_login_files=tuple(dict.fromkeys(files)),
            mode=mode,
            idle_command=idle_command,
            force_placement=bool(container.get("force_placement")),
            accepts_exposure=bool(container.get("accept_exposure")),
            sources=tuple(context.mirrored),
            home=self._path("home"),
            user=user,
            remote_user=self._remote_user(),
            passwd_root=context.path(PASSWD_ROOT) if container.get("passwd") else None,
            former=former,
        )

    def _fault(self, key: str, what: str) -> ConfigError:
        return ConfigError(f"{self.name}: container.{key} {what}")

    def _check_types(self) -> None:
        def is_a(kind: type, value: Any) -> bool:
            return value is None or isinstance(value, kind)

        get = self.container.get
        wrong = [f"{key} is not a string; write it in quotes" for key in _TEXTS if not is_a(str, get(key))]
        wrong += [
            f"{key} is neither true nor false; write one of them" for key in _SWITCHES if not is_a(bool, get(key))
        ]
        if wrong:
            raise ConfigError(*(f"{self.name}: container.{fault}." for fault in wrong))

    def _path(self, key: str) -> str | None:
        value: str = self.container.get(key) or ""
        if not value:
            return None
        if value.startswith("~/") and key.startswith("credentials_host_"):
            value = self.context.path(value)
        if not value.startswith("/"):
            raise self._fault(key, f"{value} is a relative path; write the absolute path (or begin it with ~/).")
        if any(character in ',:"' or not character.isprintable() for character in value):
            raise self._fault(
                key, f"{value!r} holds a comma, colon, quote, line break or control character; use a path without them."
            )
        if len(value.encode()) > _PATH_LIMIT or any(len(part.encode()) > _NAME_LIMIT for part in value.split("/")):
            raise self._fault(key, "is longer than a path can be; use a shorter one.")
        return normalise(value)

    def _container_name(self) -> str:
        name: str = self.container.get("name") or self.name
        if name.endswith((SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE)):
            raise self._fault("name", f"{name} ends in a suffix that marks containers being replaced; rename it.")
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.context.allowed.containers):
            raise self._fault("name", f"{name} is not among allowed_containers; add a pattern there that it matches.")
        return name

    def _cli(self) -> AgentCli:
        """The CLI that an agent names, else that of its command, else that of the login it names, else claude.

        :raises ConfigError: the catalogue has no CLI of that name.
        :raises _NoAgentCliError: its command is another program, and it names no login.
        """
        catalog, container = self.context.catalog, self.container
        known = ", ".join(catalog)
        chosen = container.get("cli")
        if chosen and chosen not in catalog:
            raise self._fault("cli", f"{chosen} is not an agent CLI of the catalogue; use one of {known}.")
        if chosen:
            return catalog[chosen]
        command = container.get("command") or self.agent.get("command") or ()
        row = cli_of_command(command if isinstance(command, (str, list, tuple)) else str(command), catalog)
        if row is not None:
            return row
        login = container.get("credentials_host_dir") or container.get("credentials_host_path")
        if command and not login:
            raise _NoAgentCliError(
                f"{self.name}: its command is no agent CLI of the catalogue, so it gets no mount; set container.cli "
                f"to one of {known} if it starts one."
            )
        return self._cli_of_login(self.context.current(self.context.path(login)) if login else "") or catalog["claude"]

    def _cli_of_login(self, path: str) -> AgentCli | None:
        """The CLI whose login is at a path, or is mirrored to it."""
        places = [path, *(source for source, directory in self.context.mirrored.items() if directory == path)]
        rows = self.context.catalog.values()
        return next((row for row in rows for place in places if place.endswith(f"/{row.source}")), None)

    def _mode(self) -> Mode:
        mode = self.container.get("mode") or "mirror"
        if mode not in MODES:
            raise self._fault("mode", f"{mode} is not known; use {' or '.join(MODES)}.")
        return cast(Mode, mode)

    def _placement(self, mode: Mode, cli: AgentCli) -> str:
        placement: str = self.container.get("placement") or ("" if mode == "shared" else cli.placements[0])
        if mode == "shared" and placement:
            raise self._fault("placement", f"{placement} has no meaning with mode shared; take it out.")
        if mode != "shared" and placement not in cli.placements:
            raise self._fault(
                "placement", f"{placement} does not work for {cli.name}; use {' or '.join(cli.placements)}."
            )
        return placement

    def _idle_command(self) -> tuple[str, ...]:
        command = self.container.get("only_when_idle") or []
        if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
            raise self._fault(
                "only_when_idle", 'is not a list of strings; write the command as ["PROGRAM", "ARGUMENT"].'
            )
        if command and not self.context.allowed.commands:
            raise self._fault("only_when_idle", "is forbidden by allow_commands: false; take it out, or allow it.")
        return tuple(command)

    def _user(self) -> str | None:
        user: str | None = self.container.get("user")
        if user and not re.fullmatch(r"[0-9]+(:[0-9]+)?", user):
            raise self._fault("user", f"{user} is not numeric; write it as UID or UID:GID.")
        if user and any(len(part) > 10 or int(part) > _ID_LIMIT for part in user.split(":")):
            raise self._fault("user", f"{user} is no id that Linux has; write one up to {_ID_LIMIT}.")
        return user

    def _remote_user(self) -> str | None:
        user: str | None = self.container.get("remote_user")
        if user and not _REMOTE_USER.fullmatch(user):
            raise self._fault("remote_user", f"{user} is neither a user's name nor UID or UID:GID; write one of them.")
        return user

    def _directory(self, mode: Mode, cli: AgentCli, login: str | None) -> tuple[str, str]:
        """The directory, and the field that named it."""
        directory = self._path("credentials_host_dir")
        if directory is not None:
            return self.context.current(directory), "credentials_host_dir"
        if mode == "shared":
            shared = f"{self.context.shared_root}/{cli.name}/{cli.shared_dir or cli.config_dir}"
            return self.context.path(shared), "mode"
        if login is not None:
            return self.context.mirrored.get(login, posixpath.dirname(login)), "credentials_host_path"
        raise ConfigError(
            f"{self.name}: container has neither credentials_host_dir nor credentials_host_path; "
            f"set container.credentials_host_dir to the agent's credentials directory."
        )
