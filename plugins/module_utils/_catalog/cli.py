# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of an agent CLI: the catalogue's row as a type, and whose program a command starts. Pure."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Mapping, Sequence

Placement = Literal["store", "link", "config_dir"]
"""Where in a container the credentials directory is used, see docs/agents-json.md."""
PLACEMENTS: tuple[Placement, ...] = ("store", "link", "config_dir")
Reload = Literal["request", "rejected", "process"]
"""When a running process uses a new login: at its next request, after the server answered 401, or never."""
RELOADS: tuple[Reload, ...] = ("request", "rejected", "process")
Unit = Literal["ms", "s"]
UNITS: tuple[Unit, ...] = ("ms", "s")


@dataclass(frozen=True)
class MirrorRules:
    """How the mirror accepts and reduces a source.

    Paths have dots; ``*`` stands for any one key or item of a list, ``**`` for all below.
    """

    # Alternatives: at least one of these paths must hold a non-empty string.
    require: tuple[str, ...]
    # A path that must hold a non-empty list or string, else the client counts as logged out.
    scopes: str | None = None
    # What is published, and nothing else: a top-level key with all that is below it, or a path with a dot
    # (``tokens.access``, ``.access``) that holds a text, a number or a list of these. Empty means all.
    keep: tuple[str, ...] = ()
    # Paths that are removed before publication: what is known, and so not reported as unknown.
    drop: tuple[str, ...] = ()
    # Paths that are set to the empty string before publication: the client insists on the key.
    blank: tuple[str, ...] = ()
    # Paths that may be published although a key's name looks like a refresh token's (``refresh`` in it): an end time, a
    # name, or the token itself where the client needs it.
    refresh: tuple[str, ...] = ("**",)
    # Paths of the access token's and the refresh token's end: a number, or a JSON Web Token with the claim ``exp``.
    # None where they have none, or none that stops an agent.
    expires: str | None = None
    refresh_expires: str | None = None
    # What the numbers are counted in since the epoch.
    expires_unit: Unit = "ms"
    # The file is JSON with ``//`` comment lines.
    comments: bool = False
    # The command with which the CLI renews its own login without any use of a model, and whose end implies that the new
    # login is saved; the lowest version of which that holds.
    keep_warm: tuple[str, ...] = ()
    keep_warm_since: str | None = None
    keep_warm_install: str | None = None
    """How a user installs the client for himself."""
    keep_warm_rejected: tuple[str, ...] = ()
    """What it prints, any of these, when the vendor has rejected the refresh token."""
    # Its environment; ``{store}`` is the directory of the login, ``{empty}`` a new empty one.
    keep_warm_variables: Mapping[str, str] = field(default_factory=dict)

    def other_keys(self, content: bytes | None) -> tuple[str, ...]:
        """What else than the login the client keeps in its file, by the names of the keys at its top.

        None where the login itself has its parts there.
        """
        try:
            document: Any = json.loads(content or b"")
        except (ValueError, RecursionError):
            return ()
        tops = {path.lstrip(".").split(".")[0] for path in (*self.require, *self.keep)}
        is_one_of_several = all("." in path.lstrip(".") for path in self.require) and "*" not in tops
        if not isinstance(document, dict) or not is_one_of_several:
            return ()
        return tuple(str(key) for key, value in document.items() if key not in tops and value)


@dataclass(frozen=True)
class VersionLimit:
    """Versions below ``minimum`` were measured to fail with ``placement``; ``effect`` says how."""

    placement: Placement
    minimum: str
    effect: str


@dataclass(frozen=True)
class AgentCli:
    """One agent CLI. Paths are relative to the home directory: the host user's for ``source``, else the container's."""

    name: str
    # The credential file on the host.
    source: str
    # The credential file's path in the config directory.
    credential: str
    # The directory in which the CLI keeps its state.
    config_dir: str
    mirror: MirrorRules = field(repr=False)
    # The version on which the row was measured.
    measured: str = ""
    # Names of its program.
    commands: tuple[str, ...] = ()
    # The environment variable that moves the config directory: to its value itself, plus config_dir_suffix.
    config_dir_variable: str | None = None
    config_dir_suffix: str = ""
    # The environment variable that moves the credential file alone, and the lowest version that knows it.
    store_variable: str | None = None
    store_variable_since: str | None = None
    # The placements that were measured to work, the default first, and the versions that fail with one.
    placements: tuple[Placement, ...] = ("link",)
    limits: tuple[VersionLimit, ...] = ()
    # When a running process uses a new login. Versions below reload_since always need a new process.
    reload: Reload = "process"
    reload_since: str | None = None
    # What a person must do in addition to the mount.
    start: str | None = None
    # What fails for a uid without an entry in /etc/passwd.
    passwd: str | None = None
    # Environment variables that mask the mirrored login.
    masking_variables: tuple[str, ...] = ()
    # In mode shared: the directory that is mounted, where that is the config directory's parent.
    shared_dir: str | None = None
    # In mode shared: files of the mounted directory that must be there before the first start.
    seeds: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the published file in the credentials directory."""
        return self.credential.rsplit("/", 1)[-1]


def as_dict(row: AgentCli) -> dict[str, Any]:
    """A row as plain data, for playbooks and templates."""
    return {**asdict(row), "file": row.file}


def cli_of_command(command: str | Sequence[str], catalog: Mapping[str, AgentCli]) -> AgentCli | None:
    """Find whose program a command starts: by the basename of its first word, after ``env`` and ``NAME=value``.

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
    # A container prints it: no digits of other scripts, and none that int() refuses for their number.
    found = re.search(r"(?<![0-9.])[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?![0-9])", text)
    return found.group() if found else None


def is_below(version: str, minimum: str) -> bool:
    """Whether a version is lower than another; both are numbers with dots."""
    return [int(part) for part in version.split(".")] < [int(part) for part in minimum.split(".")]
