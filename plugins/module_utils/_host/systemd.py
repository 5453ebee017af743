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


def needs_linger(user: User) -> bool:
    return not os.path.exists(f"{_LINGER}/{user.name}")


def ensure_linger(record: Record, user: User) -> None:
    """Start the user's systemd with the host, and now.

    :raises HostError: this user may not, or gets no systemd.
    """
    if not needs_linger(user):
        return
    if not record.change(f"enabled lingering of {user.name}", f"{_LINGER}/{user.name}", "linger off\n", "linger on\n"):
        return
    no_instance = (
        f"{user.name} has no systemd instance on this host, and it cannot be started"
        f" ({{}}); run 'loginctl enable-linger {user.name}' as root once, or set creds_mirror_scope to system."
    )
    try:
        ended = subprocess.run(
            ["loginctl", "--no-ask-password", "enable-linger", user.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(no_instance.format(type(error).__name__)) from None
    if ended.returncode:
        raise HostError(no_instance.format(ended.stderr.decode("utf-8", "replace").strip()))


def await_manager(manager: Manager) -> None:
    """:raises HostError: the user's systemd does not come."""
    end = time.monotonic() + _MANAGER_SECONDS
    while not manager.answers:
        if time.monotonic() > end:
            raise HostError(
                f"{manager.user.name} has no systemd instance on this host ({manager.socket} does not exist);"
                f" install libpam-systemd and dbus-user-session, or set creds_mirror_scope to system."
            )
        time.sleep(0.1)
