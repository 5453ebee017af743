# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""Bring a host to what ``_mirror`` draws: files, directories, ACLs and systemd units, by one user at a time.

Whatever lies in the user's home is touched with the user's own rights, so no link in it can lead root astray.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pwd
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from ansible_collections.agentops.credentials.plugins.module_utils import _mirror
from ansible_collections.agentops.credentials.plugins.module_utils._errors import AgentMountsError
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import MirrorSpec, Paths, User

_MANAGER_SECONDS = 15.0
# systemd's exit statuses of a service whose user namespace, capabilities or mount namespace it could not make.
_NO_SANDBOX = (217, 218, 226)
_LINGER = "/var/lib/systemd/linger"


class HostError(AgentMountsError):
    """The host cannot be brought to what is asked for; the sentence names the thing and the mend."""


@dataclass
class Record:
    """What a run did, or in check mode would do."""

    check_mode: bool
    changes: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # What check mode takes as the user's own: root would have given it back before.
    given_back: frozenset[str] = frozenset()

    def change(self, what: str, path: str, before: str, after: str) -> bool:
        """Record a change; whether it is to be made now."""
        self._add(what, {"before_header": path, "after_header": path, "before": before, "after": after})
        return not self.check_mode

    def _add(self, what: str, diff: dict[str, str]) -> None:
        # In check mode a parent directory is missing anew for each file below it.
        if not (self.check_mode and what in self.changes):
            self.changes.append(what)
            self.diff.append(diff)

    def add(self, other: dict[str, Any]) -> None:
        for what, diff in zip(other["changes"], other["diff"]):
            self._add(what, diff)
        self.warnings += other["warnings"]


def find_user(name: str | None) -> User:
    """:raises HostError: there is no such user on the host."""
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        raise HostError(f"creds_mirror_user: this host has no user {name}; create it, or name another.") from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir.rstrip("/"))


def as_user(user: User, work: Callable[[Record], Any], record: Record) -> Any:
    """Do ``work`` with the rights of ``user``: in this process if it has them, else in a child that drops root's.

    Returns what ``work`` returns, which must be plain data.

    :raises HostError: as ``work`` does, and where this process may not act for the user.
    """
    if os.geteuid() == user.uid:
        return work(record)
    if os.geteuid() != 0:
        raise HostError(
            f"creds_mirror_user: {pwd.getpwuid(os.geteuid()).pw_name} may not act for {user.name};"
            f" connect as {user.name}, or set become."
        )
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            json.dump(_work_in_child(user, work, Record(record.check_mode, given_back=record.given_back)), pipe)
            pipe.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    result = json.loads(answer or '{"error": "the user\'s part of the work ended without an answer"}')
    if "changes" in result:
        record.add(result)
    if "error" in result:
        raise HostError(result["error"])
    return result["value"]


def _work_in_child(user: User, work: Callable[[Record], Any], record: Record) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        os.initgroups(user.name, user.gid)
        os.setgid(user.gid)
        os.setuid(user.uid)
        os.chdir("/")
        result["value"] = work(record)
    except AgentMountsError as error:
        result["error"] = str(error)
    except Exception as error:  # the parent has nothing but this answer
        result["error"] = f"{type(error).__name__}: {error}"
    return {**result, "changes": record.changes, "diff": record.diff, "warnings": record.warnings}


# ---------------------------------------------------------------------------------------------------------------------
# Files and directories


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def ensure_directory(
    record: Record, path: str, mode: int, *, exactly: bool = True, access: bytes | None = None
) -> None:
    """A directory, with its parents. Where not ``exactly``, one that is there is left as it is."""
    status = _status(path)
    if status is None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            ensure_directory(record, parent, 0o755, exactly=False)
        if record.change(f"made the directory {path}", path, "absent\n", f"directory, mode {mode:04o}\n"):
            try:
                os.mkdir(path, mode)
                os.chmod(path, mode)  # whatever the umask
                if access is not None:
                    _set_acl(path, _mirror.ACL_ACCESS, access)
            except OSError as error:
                raise HostError(f"{path}: cannot be made: {error.strerror}; mend its parent directory.") from None
        return
    if not exactly and os.path.isdir(path):
        return
    if not stat.S_ISDIR(status.st_mode):
        kind = "symbolic link" if stat.S_ISLNK(status.st_mode) else "file"
        raise HostError(f"{path}: a {kind} stands where a directory belongs; move it away.")
    if status.st_uid != os.geteuid() and path not in record.given_back:
        raise HostError(f"{path}: it belongs to uid {status.st_uid}; give it back, or run the role as root.")
    _ensure_access(record, path, mode, access)


def _ensure_access(record: Record, path: str, mode: int, access: bytes | None) -> None:
    """The access ACL, which holds the mode as well; or the mode alone, and no ACL."""
    if ensure_acl(record, path, _mirror.ACL_ACCESS, access):
        if access is None and not record.check_mode:
            os.chmod(path, mode)  # what was the ACL's mask are the group's rights now
    elif access is None:
        _ensure_mode(record, path, os.lstat(path), mode)


def _ensure_mode(record: Record, path: str, status: os.stat_result, mode: int) -> None:
    now = stat.S_IMODE(status.st_mode)
    if now != mode and record.change(
        f"set the mode of {path} to {mode:04o}", path, f"mode {now:04o}\n", f"mode {mode:04o}\n"
    ):
        os.chmod(path, mode)


def ensure_acl(record: Record, path: str, attribute: str, wanted: bytes | None) -> bool:
    """A POSIX ACL, or none. Whether it was, or would be, changed."""
    try:
        now: bytes | None = os.getxattr(path, attribute)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT):
            raise
        now = None
    if now == wanted:
        return False
    kind = "default ACL" if attribute == _mirror.ACL_DEFAULT else "ACL"
    words = ["none\n" if value is None else value.hex() + "\n" for value in (now, wanted)]
    if record.change(f"set the {kind} of {path}", path, f"{kind} {words[0]}", f"{kind} {words[1]}"):
        _set_acl(path, attribute, wanted)
    return True


def _set_acl(path: str, attribute: str, acl: bytes | None) -> None:
    try:
        if acl is None:
            os.removexattr(path, attribute)
        else:
            os.setxattr(path, attribute, acl)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        raise HostError(
            f"{path}: its file system has no ACLs, which creds_mirror_readers needs; set creds_mirror_root elsewhere."
        ) from None


def ensure_file(record: Record, path: str, content: str, mode: int, *, show: bool = True) -> bool:
    """A regular file. Whether it was, or would be, changed."""
    ensure_directory(record, os.path.dirname(path), 0o755, exactly=False)
    status = _status(path)
    now: str | None = None
    if status is not None and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        with open(path, encoding="utf-8", errors="replace") as file:
            now = file.read()
    if now == content:
        before = len(record.changes)
        _ensure_mode(record, path, os.lstat(path), mode)
        return len(record.changes) > before
    what = "wrote" if status is None else "repaired"
    if record.change(f"{what} {path}", path, (now or "") if show else "", content if show else f"{what}\n"):
        temporary = f"{path}.{os.getpid()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                os.fchmod(descriptor, mode)
            os.rename(temporary, path)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            raise HostError(f"{path}: cannot be written: {error.strerror}; mend that and run again.") from None
    return True


def ensure_link(record: Record, path: str, target: str) -> None:
    """A symbolic link."""
    ensure_directory(record, os.path.dirname(path), 0o755, exactly=False)
    status = _status(path)
    now = os.readlink(path) if status is not None and stat.S_ISLNK(status.st_mode) else None
    if now == target:
        return
    if status is None:
        what, before = "linked", "absent\n"
    else:
        what, before = "repaired", "another file\n" if now is None else f"link to {now}\n"
    if record.change(f"{what} {path}", path, before, f"link to {target}\n"):
        temporary = f"{path}.{os.getpid()}"
        try:
            os.symlink(target, temporary)
            os.rename(temporary, path)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            raise HostError(f"{path}: cannot be linked: {error.strerror}; mend that and run again.") from None


def ensure_program(record: Record, paths: Paths, program: str, start: str) -> None:
    """The program, how the services start it, its byte code for the host's Python, and the link for people."""
    files = ((paths.program, program, 0o755), (paths.start, start, 0o644))
    rewritten = any(_content(path) != content for path, content, _mode in files)
    for path, content, mode in files:
        ensure_file(record, path, content, mode, show=False)
    # The host's Python tells whether the byte code fits, for it may have been upgraded.
    if rewritten or os.path.islink(paths.code) or _python(paths.start, "--kept"):
        if record.change(f"compiled {paths.program}", paths.code, "absent or outdated\n", "current\n"):
            fault = _python(paths.start, "--keep")
            if fault:
                raise HostError(f"{paths.program}: cannot be compiled: {fault}")
    else:
        _ensure_mode(record, paths.code, os.lstat(paths.code), 0o644)
    ensure_link(record, paths.command, paths.program)


def _python(*arguments: str) -> str:
    """Run the host's Python as the services do; what is wrong, or nothing."""
    command = [*_mirror.PYTHON, *arguments]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        raise HostError(f"this host has no {_mirror.PYTHON[0]}; the mirror needs it: install Python 3.") from None
    except subprocess.TimeoutExpired:
        raise HostError(f"{' '.join(command)} did not end within 60 seconds; look at the host.") from None
    if ended.returncode == 0:
        return ""
    return ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "it ended with an error"


def remove_file(record: Record, path: str) -> bool:
    if _status(path) is None:
        return False
    if record.change(f"removed {path}", path, "present\n", "absent\n"):
        os.unlink(path)
    return True


def remove_directory(record: Record, path: str, removed: set[str] | None = None) -> bool:
    """Remove a directory that is empty; one that holds something else is not ours to remove. Whether it is gone.

    ``removed`` names what check mode takes as removed from it.
    """
    if _status(path) is None:
        return True
    left = set(os.listdir(path)) - ((removed or set()) if record.check_mode else set())
    if left:
        return False
    if record.change(f"removed the directory {path}", path, "directory\n", "absent\n"):
        os.rmdir(path)
    return True


def give_back(record: Record, user: User, path: str) -> None:
    """As root: make the user the owner of one directory or file, reached without following any link below the home."""
    home = os.path.realpath(user.home)
    real = os.path.join(home, os.path.relpath(path, user.home))
    if real.startswith(home + "/../") or "/../" in real:
        home, real = "/", path
    descriptor = os.open(home, os.O_PATH | os.O_DIRECTORY)
    try:
        for name in [part for part in os.path.relpath(real, home).split("/") if part]:
            try:
                deeper = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=descriptor)
            except (FileNotFoundError, NotADirectoryError):
                return
            os.close(descriptor)
            descriptor = deeper
        status = os.fstat(descriptor)
        kind_is_ours = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
        if status.st_uid == user.uid or not kind_is_ours:
            return
        before, after = f"owner uid {status.st_uid}\n", f"owner uid {user.uid}\n"
        if record.change(f"gave {path} back to {user.name}", path, before, after):
            os.chown(f"/proc/self/fd/{descriptor}", user.uid, user.gid)
        else:
            record.given_back |= {path}
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------------------------------
# One mirror's directories


def ensure_directories(record: Record, spec: MirrorSpec, foreign_files: str) -> None:
    """The credentials directory with nothing foreign in it, the staging directory, and who may read them."""
    readers = spec.readers
    directory, default, file = None, None, None
    if readers:
        directory = _mirror.acl(readers, 7, _mirror.READ_ENTER)
        default = _mirror.acl(readers, 7, _mirror.READ)
        file = _mirror.acl(readers, 6, _mirror.READ)
    ensure_directory(record, spec.root, 0o700, exactly=False)
    ensure_directory(record, spec.directory, 0o700, access=directory)
    ensure_directory(record, spec.staging, 0o700)
    if os.path.isdir(spec.directory) and spec.directory not in record.given_back:
        _clear_foreign(record, spec, foreign_files)
    if os.path.isdir(spec.staging):
        ensure_acl(record, spec.staging, _mirror.ACL_DEFAULT, default)
    elif default is not None:
        record.change(f"set the default ACL of {spec.staging}", spec.staging, "", "")
    # Check mode cannot look into a directory that it only pretends to have given back.
    status = None if spec.directory in record.given_back else _status(spec.published)
    if status is not None and stat.S_ISREG(status.st_mode):
        if status.st_uid != os.geteuid() and spec.published not in record.given_back:
            raise HostError(f"{spec.published}: it belongs to uid {status.st_uid}; run the role as root, or remove it.")
        _ensure_access(record, spec.published, 0o600, file)


def _clear_foreign(record: Record, spec: MirrorSpec, foreign_files: str) -> None:
    """Agents see whatever lies in the credentials directory, so nothing else may."""
    foreign = [name for name in sorted(os.listdir(spec.directory)) if name != spec.cli.file]
    status = _status(spec.published)
    if status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        foreign.append(spec.cli.file)
    if not foreign:
        return
    if foreign_files == "refuse":
        names = ", ".join(foreign)
        raise HostError(
            f"{spec.directory}: agents would see the foreign {names} in it; move it elsewhere,"
            f" or set creds_mirror_foreign_files to move_aside."
        )
    aside = f"{spec.root}/{spec.cli.name}-credentials.moved-aside"
    ensure_directory(record, aside, 0o700)
    for name in foreign:
        path, number, target = f"{spec.directory}/{name}", 1, f"{aside}/{name}"
        while _status(target) is not None:
            number += 1
            target = f"{aside}/{name}.{number}"
        if record.change(f"moved {path} aside to {target}", path, "present\n", f"moved to {target}\n"):
            os.rename(path, target)


def remove_directories(record: Record, spec: MirrorSpec) -> None:
    """The credentials directory and the staging directory; foreign files stay, and so does what holds them."""
    if spec.directory not in record.given_back:
        remove_file(record, spec.published)
    if os.path.isdir(spec.staging) and not os.path.islink(spec.staging):
        if not record.check_mode:
            for name in os.listdir(spec.staging):
                os.unlink(f"{spec.staging}/{name}")
        if record.change(f"removed the directory {spec.staging}", spec.staging, "directory\n", "absent\n"):
            os.rmdir(spec.staging)
    if os.path.isdir(spec.directory):
        seen = [] if spec.directory in record.given_back else os.listdir(spec.directory)
        left = [name for name in seen if name != spec.cli.file]
        if left:
            record.warnings.append(f"{spec.directory} is kept: it holds the foreign {', '.join(sorted(left))}")
        elif record.change(f"removed the directory {spec.directory}", spec.directory, "directory\n", "absent\n"):
            os.rmdir(spec.directory)


# ---------------------------------------------------------------------------------------------------------------------
# systemd


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
        if int(status or 0) not in _NO_SANDBOX:
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


def ensure_units(record: Record, spec: MirrorSpec, manager: Manager) -> None:
    """Every unit of one mirror: its text, and that the watching ones are enabled and active."""
    texts = _mirror.units(spec)
    directory = spec.paths.units
    written = {name for name, text in texts.items() if ensure_file(record, f"{directory}/{name}", text, 0o644)}
    unwanted = tuple(name for name in spec.all_units if name not in texts)
    remove_units(record, manager, directory, unwanted)
    if record.check_mode and not manager.answers:
        for name in spec.watching:
            # When its manager comes, it starts what is enabled.
            if not _is_wanted(directory, name):
                record.change(f"enabled {name}", name, "not enabled\n", "enabled\n")
                record.change(f"started {name}", name, "inactive\n", "active\n")
        return
    if not manager.answers:
        await_manager(manager)
    if written and not record.check_mode:
        manager.run("daemon-reload")
    observed = manager.show(tuple(texts))
    outdated = [name for name in texts if observed[name].get("NeedDaemonReload") == "yes" and name not in written]
    if outdated and record.change(f"reloaded {', '.join(outdated)}", directory, "outdated\n", "current\n"):
        manager.run("daemon-reload")
        observed = manager.show(tuple(texts))
    masked = [name for name in texts if observed[name].get("LoadState") == "masked" and name not in written]
    unmask = [name for name in masked if record.change(f"unmasked {name}", name, "masked\n", "not masked\n")]
    if unmask:
        manager.run("unmask", "--runtime", *unmask)
        manager.run("daemon-reload")
        observed = manager.show(tuple(texts))
    if any(observed[name].get("ActiveState") != "active" for name in spec.watching):
        # A manager that has just come may still be starting what is enabled.
        manager.run("is-system-running", "--wait", fails=True)
        observed = manager.show(tuple(texts))
    for name in spec.watching:
        _ensure_watching(record, manager, name, observed[name], rewritten=name in written)


def _is_wanted(directory: str, name: str) -> bool:
    """Whether a unit is enabled, told without its manager: that starts it when it comes."""
    with suppress(OSError):
        wants = [entry for entry in os.listdir(directory) if entry.endswith(".wants")]
        return any(os.path.lexists(f"{directory}/{entry}/{name}") for entry in wants)
    return False


def _ensure_watching(record: Record, manager: Manager, name: str, unit: dict[str, str], *, rewritten: bool) -> None:
    enabled, active = unit.get("UnitFileState") == "enabled", unit.get("ActiveState") == "active"
    if not enabled and record.change(f"enabled {name}", name, "not enabled\n", "enabled\n"):
        manager.run("enable", name)
    if not active:
        if record.change(f"started {name}", name, f"{unit.get('ActiveState') or 'inactive'}\n", "active\n"):
            manager.run("reset-failed", name, fails=True)
            manager.run("start", name)
    elif rewritten and not record.check_mode:
        manager.run("restart", name)


def remove_units(record: Record, manager: Manager, directory: str, names: tuple[str, ...]) -> None:
    """Stop units, disable them and remove their files, if they are there."""
    present = [name for name in names if _status(f"{directory}/{name}") is not None]
    if not present:
        return
    if not record.check_mode and manager.answers:
        manager.run("disable", "--now", *present, fails=True)
    for name in present:
        remove_file(record, f"{directory}/{name}")
    if not record.check_mode and manager.answers:
        manager.run("daemon-reload")
        manager.run("reset-failed", *present, fails=True)


# ---------------------------------------------------------------------------------------------------------------------
# The guard: a mount on the credentials directory

_SYSTEM_UNITS = "/etc/systemd/system"


def ensure_guard(record: Record, spec: MirrorSpec) -> None:
    """As root: the mounts that guard a mirror's directory, which is there."""
    texts = _mirror.guard_units(spec)
    manager = Manager("system", spec.user)
    written = [ensure_file(record, f"{_SYSTEM_UNITS}/{name}", text, 0o644) for name, text in texts.items()]
    if any(written) and not record.check_mode:
        manager.run("daemon-reload")
    guard = list(texts)[-1]
    unit = manager.show((guard,))[guard]
    _ensure_watching(record, manager, guard, unit, rewritten=False)
    if any(written) and unit.get("ActiveState") == "active" and not record.check_mode:
        manager.run("restart", *texts)


def remove_guard(record: Record, spec: MirrorSpec) -> None:
    """As root: no guard. Nothing is done where there is none.

    :raises HostError: this process is not root's, or the guard is in use.
    """
    names = tuple(_mirror.guard_units(spec))
    if all(_status(f"{_SYSTEM_UNITS}/{name}") is None for name in names):
        return
    if os.geteuid() != 0:
        raise HostError(f"{spec.directory}: only root can remove its guard; set become.")
    manager = Manager("system", spec.user)
    if not record.check_mode:
        manager.run("stop", *names, fails=True)
        if any(unit.get("ActiveState") == "active" for unit in manager.show(names).values()):
            raise HostError(f"{spec.directory}: its guard is in use and cannot be removed; end what uses it.")
    remove_units(record, manager, _SYSTEM_UNITS, names)
    if not record.check_mode:
        with suppress(OSError):
            os.removedirs(_mirror.guard_view(spec))


# ---------------------------------------------------------------------------------------------------------------------
# What this host can do

_CLONE_NEWNS, _CLONE_NEWUSER, _MS_REC, _MS_PRIVATE = 0x00020000, 0x10000000, 0x4000, 1 << 18


def can_sandbox(record: Record, spec: MirrorSpec, manager: Manager) -> bool:
    """Whether the user's systemd can make the mount sandbox. Its ability counts, not this process's.

    Services that are installed with the sandbox tell it by how they ended. Only where there are none it is tried.
    """
    if not manager.answers and not record.check_mode:
        await_manager(manager)
    if not manager.answers:
        return _can_make_namespaces()
    texts = _mirror.units(replace(spec, sandbox=True))
    services = (spec.unit("mirror", "service"), spec.verify_service)
    if all(_content(f"{spec.paths.units}/{name}") == texts[name] for name in services):
        unit = manager.show((spec.verify_service,))[spec.verify_service]
        if int(unit.get("ExecMainStatus") or 0) not in _NO_SANDBOX:
            return True
    return manager.can(_mirror.trial())


def _can_make_namespaces() -> bool:
    """Whether a process of the current user can, where its systemd does not run yet and cannot be asked."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        works = (
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) == 0
            and libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None) == 0
        )
        os._exit(0 if works else 1)
    return os.waitpid(child, 0)[1] == 0
