# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mirror's units as text: the watch, the services with their sandbox, the timers, the guard. Pure."""

from __future__ import annotations

import os

from .._host.systemd import escaped_name, linger_file
from .spec import MirrorSpec
from .unit_text import Form, UnitText, Word, settings, unit_text, word

PYTHON = ("/usr/bin/python3", "-I", "-S")
"""What the services run: the host's own Python, whichever Ansible uses."""
_USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


def units(spec: MirrorSpec) -> dict[str, UnitText]:
    """The text of each unit, by its name."""
    texts = {
        spec.unit("mirror", "path"): _PATH,
        spec.unit("mirror", "service"): _SERVICE,
        spec.unit("mirror-verify", "service"): _VERIFY_SERVICE,
        spec.unit("mirror-verify", "timer"): _VERIFY_TIMER,
        spec.unit("rewatch", "service"): _REWATCH_SERVICE,
    }
    if spec.keep_warm:
        texts[spec.unit("keep-warm", "service")] = _KEEP_WARM_SERVICE
        texts[spec.unit("keep-warm", "timer")] = _KEEP_WARM_TIMER
    if spec.notify:
        texts[spec.unit("notify", "service")] = _NOTIFY_SERVICE
        texts[spec.unit("notify", "timer")] = _NOTIFY_TIMER
    if spec.metrics:
        texts[spec.unit("metrics", "service")] = _METRICS_SERVICE
        texts[spec.unit("metrics", "timer")] = _METRICS_TIMER
    client_path = ":".join((*(f"{spec.user.home}/{name}/bin" for name in (".local", ".npm-global")), _USUAL_PATH))
    values: dict[str, Word | UnitText] = {
        "cli": word(spec.cli.name),
        "directory": word(spec.directory),
        "watched": settings("PathChanged", map(word, spec.source.paths)),
        "path": word(spec.unit("mirror", "path")),
        "path_argument": word(spec.unit("mirror", "path"), Form.ARGUMENT),
        "systemctl": word("systemctl" if spec.scope == "system" else "systemctl --user"),
        "runtime": settings(
            "Environment",
            [word(f"XDG_RUNTIME_DIR=/run/user/{spec.user.uid}", Form.LIST)] if spec.scope == "system" else [],
        ),
        "verify": word(spec.verify_service),
        "rewatch": word(spec.unit("rewatch", "service")),
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
        f"{escaped_name(path.strip('/'))}.mount": unit_text(text, **values)
        for path, text in ((view, _GUARD_VIEW), (guard, _GUARD))
    }


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
    return tuple(line for line in (_NAMESPACES + _USER_NAMESPACES).splitlines() if not line.startswith("#"))


def revive_units(spec: MirrorSpec) -> dict[str, UnitText]:
    """The text of root's units that keep the user's systemd, and the watch in it, at work, by their names."""
    name = f"{spec.cli.name}-creds-revive@{escaped_name(spec.user.name)}"
    values: dict[str, Word | UnitText] = {
        "cli": word(spec.cli.name),
        "uid": word(str(spec.user.uid)),
        "linger": word(linger_file(spec.user)),
        "file": word(f"{spec.paths.units}/{spec.unit('mirror', 'path')}", Form.ARGUMENT),
        "watching": word(" ".join(spec.watching)),
    }
    return {
        f"{name}.service": unit_text(_REVIVE_SERVICE, **values),
        f"{name}.timer": unit_text(_REVIVE_TIMER, **values),
    }


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
# It ends so, too, when it has found what the watch should have reported.
OnFailure={rewatch}
OnFailureJobMode=replace

[Service]
Type=oneshot
{user}ExecStart={python} {start} verify {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=60
# Each minute's start and end are no news.
LogLevelMax=notice
{sandbox}"""
)

# Not ExecStopPost=+ of the service above: a user's systemd can leave no sandbox (226/NAMESPACE).
_REWATCH_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Have the watch of the login of {cli} look anew, which something mounted over it has blinded
StartLimitIntervalSec=60s
StartLimitBurst=3

[Service]
Type=oneshot
# The status of the verification; 79 says that.
ExecStart=/bin/sh -c 'test "$$MONITOR_EXIT_STATUS" != 79 || exec {systemctl} --no-block restart "$$0"' {path_argument}
LogLevelMax=notice
"""
)

_VERIFY_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Verify the published login of {cli} each minute
# The net below the watch: it catches what the kernel reports to nobody, such as a file mounted over the login.

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
# At a shutdown it is stopped before the network: what the vendor answers must come through.
After=network.target

[Service]
Type=oneshot
{user}ExecStart={python} {start} keep-warm {config}
SyslogIdentifier=creds-mirror
# A run waits up to 75 s for a try, and a client has 90 s.
TimeoutStartSec=300
# The program alone is told to end: its client must save what it has got for the refresh token, which is spent by then.
KillMode=mixed
TimeoutStopSec=30
Environment={client_path}
LogLevelMax=notice
UMask=0077
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
LimitCORE=0
"""
)

_NOTIFY_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Call a person when the state of the login of {cli} gets worse

[Service]
Type=oneshot
{user}ExecStart={python} {start} notify {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=90
{runtime}LogLevelMax=notice
UMask=0077
LimitCORE=0
"""
)

_NOTIFY_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Look each minute whether a person must be called about the login of {cli}

[Timer]
OnActiveSec=20s
OnUnitInactiveSec=60s
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
)

# Not in the sandbox of the mirror, which can write nowhere else and may ask nobody how its units are.
_METRICS_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Tell Prometheus of the login of {cli}

[Service]
Type=oneshot
{user}ExecStart={python} {start} metrics {config}
SyslogIdentifier=creds-mirror
TimeoutStartSec=60
LogLevelMax=notice
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
LimitCORE=0
LimitFSIZE=4M
"""
)

_METRICS_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Tell Prometheus each minute of the login of {cli}

[Timer]
OnActiveSec=25s
OnUnitInactiveSec=60s
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
)

_KEEP_WARM_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Look each minute whether the login of {cli} ends soon

[Timer]
OnActiveSec=30s
OnUnitInactiveSec=60s
AccuracySec=1s

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

# A user's systemd cannot revive itself, and does not look again at a home that was mounted after its start.
_REVIVE_SERVICE = (
    _HEADER
    + """\

[Unit]
Description=Keep the mirror of {cli}, and the systemd of its user, at work
ConditionPathExists={linger}

[Service]
Type=oneshot
User={uid}
Environment=XDG_RUNTIME_DIR=/run/user/{uid}
ExecStart=+/bin/systemctl start user@{uid}.service
# With the user's rights, and quiet while his home is not there.
ExecStart=/bin/sh -c 'test -e "$$0" || exit 0; systemctl --user --quiet start "$$@" 2>/dev/null && exit 0; \\
  systemctl --user daemon-reload && exec systemctl --user start "$$@"' {file} {watching}
TimeoutStartSec=60
LogLevelMax=notice
"""
)

_REVIVE_TIMER = (
    _HEADER
    + """\

[Unit]
Description=Look each minute whether the mirror of {cli} is at work

[Timer]
OnActiveSec=60s
OnUnitInactiveSec=60s
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
)

# What needs a mount namespace. In the user scope that needs user namespaces. Each line takes its time at every start,
# so the user scope has none that forbids a process without capabilities next to nothing: see docs/mirror.md.
_NAMESPACES = """\
ProtectSystem=strict
PrivateTmp=yes
# Not PrivateDevices: cancelled while it is set up, it leaves /tmp/namespace-dev-* behind.
TemporaryFileSystem=/dev:ro
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
# The mirror cannot read it from /proc/sys there.
Environment=CREDS_MIRROR_BOOT_ID=%b
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
