# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mirror is asked to be, where its parts lie, and what the program reads of it. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from .._catalog.cli import AgentCli
from .._catalog.mirror_paths import Place, credentials_directory, staging_directory
from .._host.acl import Readers
from .._host.systemd import escaped_name
from .._host.users import User

Scope = Literal["user", "system"]
"""Whose systemd runs a mirror's services."""
SCOPES: tuple[Scope, ...] = ("user", "system")
SYSTEM_UNITS = "/etc/systemd/system"
"""Where the host's own systemd has units of root's, in either scope."""


# What is stopped first stands first.
_UNITS = (
    ("mirror", "path"),
    ("mirror-verify", "timer"),
    ("keep-warm", "timer"),
    ("notify", "timer"),
    ("metrics", "timer"),
    ("mirror", "service"),
    ("mirror-verify", "service"),
    ("keep-warm", "service"),
    ("notify", "service"),
    ("metrics", "service"),
    ("rewatch", "service"),
)


@dataclass(frozen=True)
class Source:
    """A credential file and, where a link stands at its path, the file that it leads to."""

    path: str
    real: str

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if self.path == self.real else (self.path, self.real)


@dataclass(frozen=True)
class MirrorSpec:
    """One mirror: one agent CLI of one user. ``sandbox`` is false where no mount namespace can be had."""

    cli: AgentCli
    user: User
    scope: Scope
    root: str
    source: Source
    publish: Literal["access_only", "full"] = "access_only"
    readers: Readers = field(default_factory=Readers)
    on_logout: Literal["keep", "withdraw"] = "keep"
    logout_grace: int = 60
    keep_warm: bool = False
    keep_warm_environment: tuple[tuple[str, str], ...] = ()
    notify: tuple[str, ...] = ()
    """The operator's command that calls a person."""
    metrics: str = ""
    """The user's directory for what Prometheus reads; none if empty."""
    sandbox: bool = True
    place: Place = "home"

    @property
    def directory(self) -> str:
        return credentials_directory(self.root, self.cli)

    @property
    def staging(self) -> str:
        return staging_directory(self.directory)

    @property
    def aside(self) -> str:
        """Where foreign files are moved."""
        return f"{self.directory}.moved-aside"

    @property
    def published(self) -> str:
        return f"{self.directory}/{self.cli.file}"

    @property
    def paths(self) -> Paths:
        return paths(self.scope, self.user)

    @property
    def config(self) -> str:
        return f"{self.paths.configs}/{self.cli.name}.json"

    @property
    def metrics_file(self) -> str:
        return f"{self.metrics}/creds_mirror_{self.cli.name}.prom"

    def unit(self, kind: str, suffix: str) -> str:
        """Name of a unit; kind is one of those in ``_UNITS``."""
        return self._unit(kind, suffix, escaped_name(self.user.name))

    def _unit(self, kind: str, suffix: str, instance: str) -> str:
        user = f"@{instance}" if self.scope == "system" else ""
        return f"{self.cli.name}-creds-{kind}{user}.{suffix}"

    @property
    def watching(self) -> tuple[str, ...]:
        """The units that are enabled and always active."""
        warm = (self.unit("keep-warm", "timer"),) if self.keep_warm else ()
        call = (self.unit("notify", "timer"),) if self.notify else ()
        told = (self.unit("metrics", "timer"),) if self.metrics else ()
        return (self.unit("mirror", "path"), self.unit("mirror-verify", "timer"), *warm, *call, *told)

    @property
    def verify_service(self) -> str:
        return self.unit("mirror-verify", "service")

    @property
    def all_units(self) -> tuple[str, ...]:
        """Every unit that any settings give this mirror."""
        return tuple(self.unit(kind, suffix) for kind, suffix in _UNITS)

    @property
    def former_units(self) -> tuple[str, ...]:
        """Names that versions before 1.0.0 gave the same units, where they did not escape the user's."""
        former = tuple(self._unit(kind, suffix, self.user.name) for kind, suffix in _UNITS)
        return tuple(name for name in former if name not in self.all_units)


@dataclass(frozen=True)
class Paths:
    """Where a scope keeps its parts. ``command`` is what people type, a link to the program."""

    command: str
    library: str
    configs: str
    units: str

    @property
    def program(self) -> str:
        return f"{self.library}/creds_mirror.py"

    @property
    def start(self) -> str:
        return f"{self.library}/start.py"

    @property
    def code(self) -> str:
        return f"{self.library}/creds_mirror.code"

    @property
    def library_files(self) -> tuple[str, ...]:
        return (self.program, self.start, self.code)


def paths(scope: Scope, user: User) -> Paths:
    if scope == "system":
        top, configs, units = "/usr/local", f"/etc/creds-mirror/{user.name}", SYSTEM_UNITS
    else:
        top, configs = f"{user.home}/.local", f"{user.home}/.config/creds-mirror"
        units = f"{user.home}/.config/systemd/user"
    return Paths(f"{top}/bin/creds-mirror", f"{top}/lib/creds-mirror", configs, units)


def configuration(spec: MirrorSpec) -> str:
    """What the mirror program reads."""
    document = {
        "cli": spec.cli.name,
        "source": spec.source.path,
        "directory": spec.directory,
        "file": spec.cli.file,
        "publish": spec.publish,
        "rules": asdict(spec.cli.mirror),
        "on_logout": spec.on_logout,
        "grace": spec.logout_grace,
        "keep_warm": list(spec.cli.mirror.keep_warm) if spec.keep_warm else None,
        "keep_warm_environment": dict(spec.keep_warm_environment),
        "notify": list(spec.notify) or None,
        "metrics": spec.metrics or None,
        "units": list(spec.watching),
        "scope": spec.scope,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
