# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd of a host or of a user: queried, commanded, and kept running by lingering."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time

from .._base.changes import Changes
from .._base.errors import HostError
from .users import User, look_as

_MANAGER_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_LINGER = "/var/lib/systemd/linger"
NO_SANDBOX = (217, 218, 226)
"""systemd's exit statuses of a service whose user namespace, capabilities or mount namespace it could not make."""
CANNOT_START = range(200, 244)
"""systemd's exit statuses of a service whose program was never started."""


def escaped_name(name: str) -> str:
    """A name as it stands in a unit's name (systemd-escape)."""
    return "".join(
        "-" if char == "/" else char if char in _PLAIN and not (char == "." and index == 0) else _escaped(char)
        for index, char in enumerate(name)
    )


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


class Manager:
    """The systemd that a scope's units belong to: the user's own, or the host's."""

    def __init__(self, user: User, *, is_users: bool) -> None:
        self.user = user
        self.is_users = is_users
        self.socket = f"{self._runtime}/systemd/private" if is_users else "/run/systemd/private"

    @property
    def _runtime(self) -> str:
        return f"/run/user/{self.user.uid}"

    @property
    def environment(self) -> dict[str, str]:
        """That of the process that asks, at that moment: one that works as the user has left root's."""
        environment = dict(os.environ)
        if self.is_users:
            environment.update(XDG_RUNTIME_DIR=self._runtime, HOME=self.user.home)
            environment.update(USER=self.user.name, LOGNAME=self.user.name)
            environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={self._runtime}/bus"
        return environment

    @property
    def is_reachable(self) -> bool:
        """Whether it runs. Its socket alone is no proof: that stays when it is killed.

        A user's lies where he can put a link: it is looked for as the user.
        """
        return bool(look_as(self.user, self._answers)) if self.is_users else self._answers()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_CONNECT_SECONDS)
            try:
                connection.connect(self.socket)
            except OSError:
                return False
            return True

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run systemctl, and return its standard output.

        :raises HostError: it failed, unless ``check`` is false.
        """
        command = ["systemctl", *(["--user"] if self.is_users else []), *arguments]
        ended = _run(command, self.environment)
        if ended.returncode and check:
            raise HostError(f"{' '.join(command)} failed: {_output(ended)}")
        return ended.stdout.decode("utf-8", "replace")

    def supports(self, settings: tuple[str, ...]) -> bool:
        """Whether a service with these settings can be started: tried with one that is not kept."""
        name = f"creds-mirror-trial-{os.getpid()}.service"
        # Not --wait: that needs the session bus, which may come later than the user's systemd.
        command = ["systemd-run", *(["--user"] if self.is_users else []), "--quiet", f"--unit={name}"]
        command += [f"--property={setting}" for setting in ("Type=oneshot", *settings)]
        ended = _run([*command, "true"], self.environment)
        if ended.returncode == 0:
            return True
        status = self.show((name,))[name].get("ExecMainStatus")
        self.run("reset-failed", name, check=False)
        if int(status or 0) not in NO_SANDBOX:
            raise HostError(f"systemd-run failed: {_output(ended)}")
        return False

    def show(self, names: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """Properties of units, by the units' names."""
        keys = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ExecMainStatus"
        blocks = self.run("show", f"--property={keys}", *names).strip().split("\n\n")
        properties = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return dict(zip(names, properties))

    def wait_until_reachable(self) -> None:
        """:raises HostError: the user's systemd does not come."""
        end = time.monotonic() + _MANAGER_SECONDS
        while not self.is_reachable:
            if time.monotonic() > end:
                raise HostError(
                    f"{self.user.name} has no systemd instance on this host ({self.socket} does not answer);"
                    f" install libpam-systemd and dbus-user-session, or set creds_mirror_scope to system."
                )
            time.sleep(0.1)


def _run(
    command: list[str], environment: dict[str, str] | None = None, seconds: int = 120
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise HostError(f"this host has no {command[0]}; the mirror needs systemd.") from None
    except subprocess.TimeoutExpired:
        raise HostError(f"{' '.join(command)} did not end within {seconds} seconds; look at the host.") from None


def _output(ended: subprocess.CompletedProcess[bytes]) -> str:
    return ended.stderr.decode("utf-8", "replace").strip()


# ---------------------------------------------------------------------------------------------------------------------
# Lingering: the user's systemd starts with the host, and stays when the user logs out.


def linger_file(user: User) -> str:
    """The file by which a user lingers."""
    return f"{_LINGER}/{c_escaped(user.name)}"


def is_lingering(user: User) -> bool:
    """It says nothing about whether the user's systemd runs: that may have been ended since."""
    return os.path.exists(linger_file(user))


def c_escaped(name: str) -> str:
    """A user's name as logind names the file by which he lingers (cescape)."""
    return "".join(
        _C_ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}") for byte in os.fsencode(name)
    )


_C_ESCAPES = {
    **{ord(char): f"\\{letter}" for char, letter in zip("\a\b\f\n\r\t\v", "abfnrtv")},
    **{ord(char): f"\\{char}" for char in "\\\"'"},
}


def ensure_user_manager(changes: Changes, manager: Manager) -> None:
    """Let the user's systemd start with the host, and run now.

    :raises HostError: it does not run, and may not be started.
    """
    user, is_root = manager.user, os.geteuid() == 0
    if not is_lingering(user):
        if not is_root and not _may_linger():
            if not manager.is_reachable:
                raise HostError(_no_instance(user, "not allowed to this user"))
            changes.warnings.append(
                f"{user.name}'s systemd ends when {user.name} logs out, and the mirror with it: run"
                f" 'loginctl enable-linger {shlex.quote(user.name)}' as root once"
            )
            return
        path = linger_file(user)
        what = f"enabled lingering of {user.name}"
        changes.make(what, path, "linger off\n", "linger on\n", lambda: _enable_linger(user))
    elif not manager.is_reachable:
        host, unit = Manager(user, is_users=False), f"user@{user.uid}.service"
        if host.show((unit,))[unit].get("ActiveState") in ("active", "activating"):
            return  # it is starting, and will answer

        def start() -> None:
            if is_root:
                host.run("start", unit)
            else:
                _enable_linger(user)  # which starts it too

        if not is_root and not _may_linger():
            raise HostError(
                f"{user.name}'s systemd has ended; run 'systemctl start {unit}' as root, or set creds_mirror_scope to"
                f" system."
            )
        changes.make(f"started {user.name}'s systemd", manager.socket, "not running\n", "running\n", start)


def _may_linger() -> bool:
    """Whether logind would let this process, which is not root's, switch its own user's lingering on."""
    command = ["pkcheck", "--action-id", "org.freedesktop.login1.set-self-linger", "--process", str(os.getpid())]
    try:
        return _run(command, seconds=10).returncode == 0
    except HostError:  # no polkit: then logind lets root alone
        return False


def _enable_linger(user: User) -> None:
    ended = _run(["loginctl", "--no-ask-password", "enable-linger", str(user.uid)], seconds=60)
    if ended.returncode:
        raise HostError(_no_instance(user, _output(ended)))
    if os.geteuid() == 0:
        # logind starts nothing where it is just stopping what a user of the same number has left.
        Manager(user, is_users=False).run("start", f"user@{user.uid}.service")


def _no_instance(user: User, reason: str) -> str:
    return (
        f"{user.name} has no systemd instance on this host, and it cannot be started ({reason}); run"
        f" 'loginctl enable-linger {shlex.quote(user.name)}' as root once, or set creds_mirror_scope to system."
    )
