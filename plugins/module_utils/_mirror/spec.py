# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mirror consists of on its host: (what is asked for, the user) → directories, files, units. Pure."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

from .._base.errors import ConfigError
from .._base.paths import is_below
from .._base.printable import printable
from .._catalog.cli import AgentCli
from .._catalog.mirror_paths import credentials_directory, staging_directory
from .._host.acl import Readers
from .._host.users import User
from .unit_text import Form, UnitText, Word, settings, unit_text, word

SCOPES = ("user", "system")
# What the services run; the host's own Python, whichever Ansible uses.
PYTHON = ("/usr/bin/python3", "-I", "-S")
_USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


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
    scope: str
    root: str
    source: Source
    publish: str = "access_only"
    readers: Readers = field(default_factory=Readers)
    on_logout: str = "keep"
    logout_grace: int = 60
    keep_warm: bool = False
    sandbox: bool = True
    place: str = "home"

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

    def unit(self, kind: str, suffix: str) -> str:
        """Name of a unit; kind is ``mirror``, ``mirror-verify`` or ``keep-warm``."""
        user = f"@{self.user.name}" if self.scope == "system" else ""
        return f"{self.cli.name}-creds-{kind}{user}.{suffix}"

    @property
    def watching(self) -> tuple[str, ...]:
        """The units that are enabled and always active."""
        warm = (self.unit("keep-warm", "timer"),) if self.keep_warm else ()
        return (self.unit("mirror", "path"), self.unit("mirror-verify", "timer"), *warm)

    @property
    def verify_service(self) -> str:
        return self.unit("mirror-verify", "service")

    @property
    def all_units(self) -> tuple[str, ...]:
        """Every unit that any settings give this mirror."""
        return tuple(
            self.unit(kind, suffix)
            for kind, suffix in (
                ("mirror", "path"),
                ("mirror-verify", "timer"),
                ("keep-warm", "timer"),
                ("mirror", "service"),
                ("mirror-verify", "service"),
                ("keep-warm", "service"),
            )
        )


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


def paths(scope: str, user: User) -> Paths:
    if scope == "system":
        top, configs, units = "/usr/local", f"/etc/creds-mirror/{user.name}", "/etc/systemd/system"
    else:
        top, configs = f"{user.home}/.local", f"{user.home}/.config/creds-mirror"
        units = f"{user.home}/.config/systemd/user"
    return Paths(f"{top}/bin/creds-mirror", f"{top}/lib/creds-mirror", configs, units)


def check(spec: MirrorSpec) -> list[str]:
    """What is wrong with a spec, one sentence each. It is looked at once more when links have been resolved."""
    faults = []
    name, user = spec.cli.name, spec.user.name
    if not user or user in (".", "..") or "/" in user:
        faults.append(f"'{printable(user)}': a user of this name cannot have a directory; name another user.")
    for path, option in ((spec.root, "creds_mirror_root"), (spec.source.path, f"creds_mirror_sources.{name}")):
        if not os.path.isabs(path):
            faults.append(f"{name}: {option} is the relative path {printable(path)}; write it from / or ~/.")
    if spec.keep_warm and not spec.cli.mirror.keep_warm:
        faults.append(f"{name}: creds_mirror_keep_warm knows no way to refresh its login; leave {name} out of it.")
    if spec.scope == "system":
        faults += _check_system_scope(spec)
    if not faults:
        try:
            units(spec)
            guard_units(spec)
        except ConfigError as error:
            faults += [f"{name}: {fault}" for fault in error.faults]
    return faults


def _check_system_scope(spec: MirrorSpec) -> list[str]:
    """The units are root's: the user's own link may not decide what they name."""
    faults = []
    if spec.user.uid == 0:
        faults.append("root: creds_mirror_scope system runs no service as root; use the scope user, or another user.")
    if spec.source.real != spec.source.path and not is_below(spec.source.real, spec.user.home):
        faults.append(
            f"{spec.cli.name}: {spec.source.path} is a link that leads out of {spec.user.home} to"
            f" {printable(spec.source.real)}, and such a link decides nothing in root's units; set"
            f" creds_mirror_sources.{spec.cli.name} to that file, or creds_mirror_scope to user."
        )
    return faults


def require(specs: list[MirrorSpec]) -> None:
    """:raises ConfigError: with every fault of every spec."""
    faults = [fault for spec in specs for fault in check(spec)]
    if faults:
        raise ConfigError(*faults)


# ---------------------------------------------------------------------------------------------------------------------
# Files


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
        "units": list(spec.watching),
        "scope": spec.scope,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def units(spec: MirrorSpec) -> dict[str, UnitText]:
    """The text of each unit, by its name."""
    texts = {
        spec.unit("mirror", "path"): _PATH,
        spec.unit("mirror", "service"): _SERVICE,
        spec.unit("mirror-verify", "service"): _VERIFY_SERVICE,
        spec.unit("mirror-verify", "timer"): _VERIFY_TIMER,
    }
    if spec.keep_warm:
        texts[spec.unit("keep-warm", "service")] = _KEEP_WARM_SERVICE
        texts[spec.unit("keep-warm", "timer")] = _KEEP_WARM_TIMER
    client_path = ":".join((*(f"{spec.user.home}/{name}/bin" for name in (".local", ".npm-global")), _USUAL_PATH))
    values: dict[str, Word | UnitText] = {
        "cli": word(spec.cli.name),
        "directory": word(spec.directory),
        "watched": settings("PathChanged", map(word, spec.source.paths)),
        "path": word(spec.unit("mirror", "path")),
        "verify": word(spec.verify_service),
        "python": word(" ".join(PYTHON)),
        "start": word(spec.paths.start, Form.ARGUMENT),
        "config": word(spec.config, Form.ARGUMENT),
        # Its number: a name can look like another user's number, and systemd reads names more strictly than passwd.
        "user": settings("User", [word(str(spec.user.uid))] if spec.scope == "system" else []),
        "sandbox": _sandbox(spec),
        "target": word("multi-user.target" if spec.scope == "system" else "default.target"),
        "client_path": word(f"PATH={client_path}", Form.LIST),
    }
    return {name: unit_text(text, **values) for name, text in texts.items()}


def guard_view(spec: MirrorSpec) -> str:
    """Where the mirror's root is mounted once more, with the guard in it."""
    return f"/run/creds-mirror/{spec.user.name}/{spec.cli.name}"


def guard_units(spec: MirrorSpec) -> dict[str, UnitText]:
    """The text of the mount units that guard the credentials directory, by their names: the view, then the guard."""
    view = guard_view(spec)
    guard = f"{view}/{os.path.basename(spec.directory)}"
    paths_of = {"root": spec.root, "directory": spec.directory, "view": view, "guard": guard}
    parents = [spec.directory]
    while os.path.dirname(parents[-1]) != "/":
        parents.append(os.path.dirname(parents[-1]))
    values: dict[str, Word | UnitText] = {
        "cli": word(spec.cli.name),
        "no_links": settings("ConditionPathIsSymbolicLink", [word(f"!{path}") for path in parents[::-1]]),
        **{name: word(path) for name, path in paths_of.items()},
    }
    return {
        f"{escaped_path(path)}.mount": unit_text(text, **values)
        for path, text in ((view, _GUARD_VIEW), (guard, _GUARD))
    }


def escaped_path(path: str) -> str:
    """A path as it stands in a unit's name (systemd-escape --path)."""
    plain = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")
    name = path.strip("/")
    return "".join(
        "-" if char == "/" else char if char in plain and not (char == "." and index == 0) else _escaped(char)
        for index, char in enumerate(name)
    )


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


def _sandbox(spec: MirrorSpec) -> UnitText:
    if not spec.sandbox:
        return unit_text(_NO_NAMESPACES + _LIGHT_SANDBOX)
    if spec.scope == "system":
        return unit_text(
            _NAMESPACES + _SYSTEM_NAMESPACES + _LIGHT_SANDBOX,
            writable=settings("ReadWritePaths", [word(spec.root, Form.LIST)]),
        )
    # The directory, never the file: a bound file is the old inode for ever. Missing is fine: there may be no login yet.
    read_only = [*(f"-{os.path.dirname(path)}" for path in spec.source.paths), spec.paths.library, spec.config]
    return unit_text(
        _NAMESPACES + _USER_NAMESPACES + _USER_BINDS + _LIGHT_SANDBOX,
        read_only=settings("BindReadOnlyPaths", [word(path, Form.BIND) for path in dict.fromkeys(read_only)]),
        # One for both directories: a rename across two is EXDEV.
        writable=settings("BindPaths", [word(spec.root, Form.BIND)]),
    )


def trial() -> tuple[str, ...]:
    """The settings of the user scope's services that need namespaces, to be tried with a unit that is not kept."""
    return tuple((_NAMESPACES + _USER_NAMESPACES).split())


_HEADER = """\
# Managed by the role agentops.credentials.creds_mirror: changes are undone by its next run.
"""

_PATH = (
    _HEADER
    + """\
#
# Why there is a mirror, although whole directories are mounted into the agent containers: the directory of the login
# itself holds much more than the login (history, settings, other secrets, a refresh token that a container could
# spend), so it must not be mounted. The mirror publishes what agents need, and nothing else, into
# {directory}.

[Unit]
Description=Watch the login of {cli} on this host
# systemd stops watching for good when a unit starts too often, and a login may be saved at any rate.
StartLimitIntervalSec=0
Wants={verify}

[Path]
# Not PathModified: it fires while a file is being written.
{watched}\
TriggerLimitIntervalSec=0

[Install]
WantedBy={target}
"""
)

_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Publish the login of {cli} for agent containers
StartLimitIntervalSec=0
# systemd watches again only after this service has ended. What changes in between is seen by the verify service, which
# runs when the watch stands again.
Conflicts={verify}
After={verify}
OnSuccess={verify}
OnSuccessJobMode=replace
OnFailure={verify}
OnFailureJobMode=replace

[Service]
Type=oneshot
{user}ExecStart={python} {start} publish {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=60
{sandbox}"""
)

_VERIFY_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Verify that the published login of {cli} is the current one
StartLimitIntervalSec=0
# It starts when the watch is armed, and revives it.
Wants={path}
After={path}

[Service]
Type=oneshot
{user}ExecStart={python} {start} verify {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=60
# Each minute's start and end are no news.
LogLevelMax=notice
{sandbox}"""
)

_VERIFY_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Verify the published login of {cli} each minute
# The net below the watch: it catches what the kernel tells nobody, such as a file mounted over the login.

[Timer]
OnActiveSec=0
OnUnitInactiveSec=60s
AccuracySec=1s
Unit={verify}

[Install]
WantedBy=timers.target
"""
)

_KEEP_WARM_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Let {cli} refresh its login on this host shortly before it expires

[Service]
Type=oneshot
{user}ExecStart={python} {start} keep-warm {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=180
Environment={client_path}
LogLevelMax=notice
UMask=0077
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
LimitCORE=0
"""
)

_KEEP_WARM_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Look every four minutes whether the login of {cli} expires soon

[Timer]
OnActiveSec=30s
OnUnitInactiveSec=4min

[Install]
WantedBy=timers.target
"""
)

# What is mounted on cannot be removed, renamed or replaced, by whatever path. But a rename into another mount is EXDEV,
# so the guard lies in a view of its own, and the directory's usual path leads through no mount.
_GUARD_VIEW = (
    _HEADER
    + """\

[Unit]
Description=Where the guard of the credentials directory of {cli} lies
# Without the condition systemd would make the directory, as root.
ConditionPathIsDirectory={root}
# Root follows no link of the user's, who could have made one since.
{no_links}
[Mount]
What={root}
Where={view}
Type=none
# Nobody else looks through it.
DirectoryMode=0700
# Private: the guard must not appear at the directory's usual path.
Options=bind,private
"""
)

_GUARD = (
    _HEADER
    + """\

[Unit]
Description=Guard the credentials directory of {cli} against being removed
ConditionPathIsDirectory={guard}

[Mount]
What={directory}
Where={guard}
Type=none
Options=bind

[Install]
WantedBy=multi-user.target
"""
)

# What needs a mount namespace. In the user scope that needs user namespaces. Each line takes its time at every start,
# so the user scope has none that forbids a process without capabilities next to nothing: see docs/mirror.md.
_NAMESPACES = """\
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
CapabilityBoundingSet=
"""
_USER_NAMESPACES = """\
ProtectHome=tmpfs
PrivateUsers=yes
"""
_USER_BINDS = """\
{read_only}{writable}\
"""
# Nothing is bound there: the host's systemd would follow the user's links as root, and show him what he may not reach.
# So the home is seen, and the process walks its paths with the user's rights.
_SYSTEM_NAMESPACES = """\
ProtectHome=read-only
{writable}\
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
"""
_NO_NAMESPACES = """\
# This host forbids unprivileged user namespaces: without mount sandbox. The rest of the sandbox is in force.
"""
_LIGHT_SANDBOX = """\
NoNewPrivileges=yes
KeyringMode=private
RestrictAddressFamilies=none
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @network-io @keyring @ipc @timer
SystemCallErrorNumber=EPERM
IPAddressDeny=any
UMask=0077
LimitCORE=0
LimitFSIZE=4M
"""
