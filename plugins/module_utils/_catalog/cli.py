# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What is known of an agent CLI: the catalogue's row as a type, rows of the user's own, whose command it is. Pure."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any, Mapping, Sequence


@dataclass(frozen=True)
class MirrorRules:
    """How the mirror accepts and reduces a source. Dotted paths; ``*`` stands for any one key or item of a list.

    ``require``  alternatives: at least one of these paths must hold a non-empty string
    ``scopes``   a path that must hold a non-empty list or string, else the client counts as logged out
    ``keep``     what is published, and nothing else: a top-level key with all that is below it, or a path with a dot
                 (``tokens.access``, ``.access``) that holds a text, a number or a list of these; empty means all
    ``drop``     paths removed before publication: what is known, and so is not reported as unknown
    ``blank``    paths set to the empty string before publication (the client insists on the key)
    ``refresh``  paths that may be published although a key's name looks like a refresh token's (``refresh`` in it):
                 an end time, a name, or the token itself where the client needs it; ``**`` stands for all below
    ``expires``  path of the access token's end, ``refresh_expires`` that of the refresh token's
    ``expires_unit``  ``ms`` or ``s``: what both are counted in since the epoch
    ``comments`` the file is JSON with ``//`` comment lines
    ``keep_warm`` command with which the CLI renews its own login without any use of a model, and whose end implies
                 that the new login is saved; ``keep_warm_since`` the lowest version of which that holds
    ``keep_warm_variables``  its environment; ``{store}`` is the directory of the login, ``{empty}`` a new empty one
    """

    require: tuple[str, ...]
    scopes: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ("**",)
    expires: str | None = None
    refresh_expires: str | None = None
    expires_unit: str = "ms"
    comments: bool = False
    keep_warm: tuple[str, ...] = ()
    keep_warm_since: str | None = None
    keep_warm_variables: Mapping[str, str] = field(default_factory=dict)


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
