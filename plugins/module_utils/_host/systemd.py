# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd of a host or of a user: asked, told, and kept running by lingering."""

from __future__ import annotations

import os
import subprocess
import time

from .._base.changes import Record
from .._base.errors import HostError
from .._base.printable import printable
from .users import User

_MANAGER_SECONDS = 15.0
_LINGER = "/var/lib/systemd/linger"
NO_SANDBOX = (217, 218, 226)
"""systemd's exit statuses of a service whose user namespace, capabilities or mount namespace it could not make."""


class Manager:
    """The systemd that a scope's units belong to: the user's own, or the host's."""

    def __init__(self, scope: str, user: User) -> None:
        self.user = user
        self.is_users = scope == "user"
        self.environment = dict(os.environ)
        if self.is_users:
            runtime = f"/run/user/{user.uid}"
            self.environment.update(XDG_RUNTIME_DIR=runtime, HOME=user.home, USER=user.name, LOGNAME=user.name)
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={runtime}/bus"
            self.socket = f"{runtime}/systemd/private"
        else:
            self.socket = "/run/systemd/private"

    @property
    def answers(self) -> bool:
        return os.path.exists(self.socket)

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Standard output of systemctl; ``fails`` tells that it may fail."""
        command = ["systemctl", *(["--user"] if self.is_users else []), *arguments]
        ended = self._run(command)
        if ended.returncode and not fails:
            words = ended.stderr.decode("utf-8", "replace").strip()
            raise HostError(f"{' '.join(command)} failed: {words}")
        return ended.stdout.decode("utf-8", "replace")

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
                check=False,
            )
        except FileNotFoundError:
            raise HostError(f"this host has no {command[0]}; the mirror needs systemd.") from None
        except subprocess.TimeoutExpired:
            raise HostError(f"{' '.join(command)} did not end within 120 seconds; look at the host.") from None

    def can(self, settings: tuple[str, ...]) -> bool:
        """Whether a service with these settings can be started; tried with one that is not kept."""
        name = f"creds-mirror-trial-{os.getpid()}.service"
        # Not --wait: that needs the session bus, which may come later than the user's systemd.
        command = ["systemd-run", *(["--user"] if self.is_users else []), "--quiet", f"--unit={name}"]
        command += [f"--property={setting}" for setting in ("Type=oneshot", *settings)]
        ended = self._run([*command, "true"])
        if ended.returncode == 0:
            return True
        status = self.show((name,))[name].get("ExecMainStatus")
        self.run("reset-failed", name, fails=True)
        if int(status or 0) not in NO_SANDBOX:
            raise HostError(f"systemd-run failed: {ended.stderr.decode('utf-8', 'replace').strip()}")
        return False

    def show(self, names: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """Properties of units, by the units' names."""
        keys = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ExecMainStatus"
        blocks = self.run("show", f"--property={keys}", *names).strip().split("\n\n")
        properties = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return dict(zip(names, properties))


def linger_file(name: str) -> str:
    """Where logind notes that a user lingers: under the name, escaped as in C, byte by byte."""
    plain = {ord("\\"): r"\\", ord('"'): r"\"", ord("'"): r"\'"}
    controls = dict(zip(range(7, 14), (r"\a", r"\b", r"\t", r"\n", r"\v", r"\f", r"\r")))
    escapes = {**plain, **controls}
    escaped = (escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in os.fsencode(name))
    return f"{_LINGER}/{''.join(escaped)}"


def ensure_running(record: Record, user: User, manager: Manager) -> None:
    """Start the user's systemd with the host, and now.

    :raises HostError: this process may not, or the user gets no systemd.
    """
    if os.path.exists(linger_file(user.name)):
        if not manager.answers:
            _ensure_started(record, user, manager)
        return
    refusal = _enable_linger(record, user)
    advice = f"run 'loginctl enable-linger {user.name}' as root once, or set creds_mirror_scope to system"
    if refusal and not manager.answers:
        raise HostError(
            f"{user.name} has no systemd instance on this host, and it cannot be started ({refusal}); {advice}."
        )
    if refusal:
        record.warnings.append(
            f"the mirror stops when {user.name} logs out, for lingering cannot be enabled ({refusal}); {advice}"
        )


def _enable_linger(record: Record, user: User) -> str:
    """Why the user does not linger now, or nothing; a change that is recorded has happened."""
    # By number: a name can look like another user's.
    command = ["loginctl", "--no-ask-password", "enable-linger", str(user.uid)]
    if record.check_mode:
        refusal = "" if os.geteuid() == 0 or _would_be_allowed() else "Access denied"
    else:
        refusal = _refusal_of(command)
    if not refusal:
        record.change(f"enabled lingering of {user.name}", linger_file(user.name), "linger off\n", "linger on\n")
    return refusal


def _would_be_allowed() -> bool:
    """Whether this process's user may let himself linger; without polkit only root may."""
    action = "org.freedesktop.login1.set-self-linger"
    return not _refusal_of(["pkcheck", "--action-id", action, "--process", str(os.getpid())])


def _ensure_started(record: Record, user: User, manager: Manager) -> None:
    """A systemd that was ended (loginctl terminate-user, out of memory), although the user lingers."""
    unit = f"user@{user.uid}.service"
    state = _output_of(["systemctl", "show", "--property=ActiveState", unit]).strip()
    if state in ("ActiveState=activating", "ActiveState=active"):
        return  # it comes, or its socket does
    if os.geteuid() != 0:
        raise HostError(
            f"{user.name}'s systemd has ended, and only root can start it; run 'systemctl start {unit}' as root, or set"
            f" creds_mirror_scope to system."
        )
    refusal = "" if record.check_mode else _refusal_of(["systemctl", "start", unit])
    if refusal:
        raise HostError(f"{user.name}'s systemd has ended, and cannot be started: {refusal}; look at {unit}.")
    record.change(f"started {user.name}'s systemd", unit, "inactive\n", "active\n")


def _refusal_of(command: list[str]) -> str:
    """What a command that changes something says when it fails, or nothing."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {type(error).__name__}"
    return printable(ended.stderr.decode("utf-8", "replace").strip() or "failed") if ended.returncode else ""


def _output_of(command: list[str]) -> str:
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode("utf-8", "replace")


def await_manager(manager: Manager) -> None:
    """:raises HostError: the user's systemd does not come."""
    end = time.monotonic() + _MANAGER_SECONDS
    while not manager.answers:
        if time.monotonic() > end:
            unit = f"user@{manager.user.uid}.service"
            failed = _output_of(["systemctl", "show", "--property=ActiveState", unit]).strip() == "ActiveState=failed"
            advice = f"look at its journal ({unit})" if failed else "install libpam-systemd and dbus-user-session"
            raise HostError(
                f"{manager.user.name} has no systemd instance on this host ({manager.socket} does not exist);"
                f" {advice}, or set creds_mirror_scope to system."
            )
        time.sleep(0.1)
