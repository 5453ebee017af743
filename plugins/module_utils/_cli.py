# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.

"""What is known of an agent CLI: the catalogue's row as a type, rows of the user's own, whose command it is. Pure."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Mapping, Sequence

from ansible_collections.agentops.credentials.plugins.module_utils._errors import ConfigError


@dataclass(frozen=True)
class MirrorRules:
    """How the mirror accepts and reduces a source. Dotted paths; ``*`` stands for any one key.

    ``require``  alternatives: at least one of these paths must hold a non-empty string
    ``scopes``   a path that must hold a non-empty list or string, else the client counts as logged out
    ``keep``     top-level keys that are published; empty means all
    ``drop``     paths removed before publication
    ``blank``    paths set to the empty string before publication (the client insists on the key)
    ``expires``  path of the access token's expiry, milliseconds since the epoch
    ``account``  path that tells one login's account from another's
    ``comments`` the file is JSON with ``//`` comment lines
    ``keep_warm`` command with which the CLI refreshes its own login without any use of a model
    """

    require: tuple[str, ...]
    scopes: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    expires: str | None = None
    account: str | None = None
    comments: bool = False
    keep_warm: tuple[str, ...] = ()


@dataclass(frozen=True)
class VersionLimit:
    """Versions below ``minimum`` were measured to fail with ``placement``; ``effect`` says how."""

    placement: str
    minimum: str
    effect: str


@dataclass(frozen=True)
class AgentCli:
    """One agent CLI. Paths are relative to the home directory: the host user's for ``source``, else the container's.

    ``commands`` are the names of its program. ``config_dir`` is the directory the CLI keeps its state in,
    ``credential`` the credential file's path inside it. ``config_dir_variable`` moves it: to the variable's value
    itself, plus ``config_dir_suffix``. ``store_variable`` moves the credential file alone.
    ``placements`` are those that were measured to work, the default first; ``limits`` the versions that fail with one.
    ``reload`` tells when a running process uses a new login: ``request`` (its next request), ``rejected`` (after the
    server answered 401) or ``process`` (only a new process); versions below ``reload_since`` always need a new one.
    ``start`` is what a person must do beside the mount; ``passwd`` what fails for a uid without an entry in
    ``/etc/passwd``.
    For mode shared: ``shared_dir`` is the directory that is mounted, where that is not the config directory but its
    parent; ``seeds`` are files of the mounted directory that must be there before the first start.
    """

    name: str
    source: str
    credential: str
    config_dir: str
    mirror: MirrorRules = field(repr=False)
    measured: str = ""
    commands: tuple[str, ...] = ()
    config_dir_variable: str | None = None
    config_dir_suffix: str = ""
    store_variable: str | None = None
    placements: tuple[str, ...] = ("link",)
    limits: tuple[VersionLimit, ...] = ()
    reload: str = "process"
    reload_since: str | None = None
    start: str | None = None
    passwd: str | None = None
    masking_variables: tuple[str, ...] = ()
    shared_dir: str | None = None
    seeds: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the published file in the credentials directory."""
        return self.credential.rsplit("/", 1)[-1]


PLACEMENTS = ("store", "link", "config_dir")
RELOADS = ("request", "rejected", "process")


def as_dict(row: AgentCli) -> dict[str, Any]:
    """A row as plain data, for playbooks and templates."""
    return {**asdict(row), "file": row.file}


def extended(
    catalog: Mapping[str, AgentCli], overrides: Mapping[str, Any], option: str = "catalog"
) -> dict[str, AgentCli]:
    """``catalog`` with rows of the user's own: those of a known name override single fields, others are new rows.

    :param overrides: name → the fields to set, in the form of :func:`as_dict`.
    :param option: what the user calls it, for messages.
    :raises ConfigError: with every fault of every row.
    """
    result = dict(catalog)
    faults: list[str] = []
    for name, settings in overrides.items():
        where = f"{option}.{name}"
        try:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
                raise ConfigError(
                    f"{where}: a name is made of a-z, 0-9 and -, for it becomes part of unit names; rename it."
                )
            base = asdict(catalog[name]) if name in catalog else {"commands": [name]}
            row: AgentCli = _built(AgentCli, {**base, "name": name}, settings, where)
            _check(row, where)
            result[name] = row
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(*faults)
    return result


def _built(kind: type, base: Mapping[str, Any], settings: Any, where: str) -> Any:
    """A dataclass out of plain data over ``base``."""
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where} is not a dictionary; write the fields to set below it.")
    known = {one.name: one for one in fields(kind)}
    computed = {"file"} if kind is AgentCli else set()
    unknown = sorted(str(key) for key in set(settings) - set(known) - computed)
    if unknown:
        raise ConfigError(f"{where} has the unknown field {', '.join(unknown)}; the fields are {', '.join(known)}.")
    values = {}
    for name, one in known.items():
        if name in settings or name in base:
            here = f"{where}.{name}"
            if name == "mirror":
                values[name] = _built(MirrorRules, base.get(name) or {}, settings.get(name) or {}, here)
            else:
                values[name] = _value(str(one.type), settings.get(name, base.get(name)), here)
    missing = [
        name
        for name, one in known.items()
        if name not in values and one.default is MISSING and one.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"{where} is a new row and lacks {', '.join(missing)}; set each of them.")
    return kind(**values)


def _value(kind: str, value: Any, where: str) -> Any:
    """One field's value, by the text of its annotation."""
    strings = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "str | None" and (value is None or isinstance(value, str)):
        return value or None
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "tuple[str, ...]" and strings:
        return tuple(value)
    if kind == "tuple[VersionLimit, ...]" and isinstance(value, (list, tuple)):
        return tuple(_built(VersionLimit, {}, item, f"{where}[{index}]") for index, item in enumerate(value))
    if (
        kind == "Mapping[str, str]"
        and isinstance(value, Mapping)
        and all(isinstance(item, str) for item in value.values())
    ):
        return {str(key): item for key, item in value.items()}
    names = {
        "str": "a string",
        "str | None": "a string",
        "bool": "true or false",
        "tuple[str, ...]": "a list of strings",
    }
    wanted = names.get(kind, "a dictionary of strings" if kind.startswith("Mapping") else "a list of dictionaries")
    raise ConfigError(f"{where} is not {wanted}; write it so.")


def _check(row: AgentCli, where: str) -> None:
    faults = []
    for name in ("source", "credential", "config_dir", "shared_dir"):
        path = getattr(row, name)
        if name == "shared_dir" and path is None:
            continue
        if not path or path.startswith("/") or ".." in path.split("/") or set(path) & set(',:"\n'):
            faults.append(
                f"{where}.{name}: {path!r} is not a path below the home directory; write it relative to that."
            )
    if row.shared_dir is not None and row.config_dir != f"{row.shared_dir}/{row.config_dir_suffix}":
        faults.append(
            f"{where}.shared_dir: {row.shared_dir} with config_dir_suffix is not config_dir; name the directory that "
            f"config_dir_variable moves."
        )
    wrong = [placement for placement in row.placements if placement not in PLACEMENTS]
    if wrong or not row.placements:
        faults.append(f"{where}.placements: {', '.join(wrong) or 'none'} is not known; use {', '.join(PLACEMENTS)}.")
    if row.reload not in RELOADS:
        faults.append(f"{where}.reload: {row.reload} is not known; use {', '.join(RELOADS)}.")
    if not row.mirror.require:
        faults.append(f"{where}.mirror.require is empty; name a path that every login holds, so that a logout is told.")
    if faults:
        raise ConfigError(*faults)


def match(command: str | Sequence[str], catalog: Mapping[str, AgentCli]) -> AgentCli | None:
    """Whose program a command starts: by the basename of its first word, after ``env`` and ``NAME=value``.

    ``command`` is a shell line or a list of words. ``None`` if it is no agent CLI of the catalogue.
    """
    try:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError:  # an open quote
        words = str(command).split()
    while words and (posixpath.basename(words[0]) in ("env", "exec") or re.match(r"[A-Za-z_]\w*=", words[0])):
        words = words[1:]
    name = posixpath.basename(words[0]) if words else ""
    return next((row for row in catalog.values() if name in row.commands), None)


def version_of(text: str) -> str | None:
    """The version that a CLI's ``--version`` prints: its first three numbers with dots; ``None`` if there are none."""
    found = re.search(r"(?<![\d.])\d+\.\d+\.\d+", text)
    return found.group() if found else None


def is_below(version: str, minimum: str) -> bool:
    """Whether a version is lower than another; both are numbers with dots."""
    return [int(part) for part in version.split(".")] < [int(part) for part in minimum.split(".")]
