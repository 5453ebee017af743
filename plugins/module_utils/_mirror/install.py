# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a host to what ``_mirror`` draws: one mirror's directories, program, units, guard and sandbox."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

from .._base.changes import Record
from .._base.errors import HostError
from .._host import acl
from .._host.files import (
    content_of,
    ensure_access,
    ensure_acl,
    ensure_directory,
    ensure_file,
    ensure_link,
    ensure_mode,
    remove_file,
    status_of,
)
from .._host.systemd import NO_SANDBOX, Manager, await_manager
from . import spec as _mirror
from .spec import MirrorSpec, Paths
from .unit_text import UnitText

_O_PATH = 0o10000000

# ---------------------------------------------------------------------------------------------------------------------
# Directories


def ensure_directories(record: Record, spec: MirrorSpec, foreign_files: str) -> None:
    """The credentials directory with nothing foreign in it, the staging directory, and who may read them."""
    readers = spec.readers
    directory, default, file = readers.directory_acl, None, None
    if readers:
        default = acl.encode(readers, 7, acl.READ)
        file = acl.encode(readers, 6, acl.READ)
    ensure_directory(record, spec.root, 0o700, exactly=False)
    ensure_directory(record, spec.directory, 0o700, access=directory)
    ensure_directory(record, spec.staging, 0o700)
    if os.path.isdir(spec.directory) and spec.directory not in record.given_back:
        _clear_foreign(record, spec, foreign_files)
    if os.path.isdir(spec.staging):
        ensure_acl(record, spec.staging, acl.ACL_DEFAULT, default)
    elif default is not None:
        record.change(f"set the default ACL of {spec.staging}", spec.staging, "", "")
    # Check mode cannot look into a directory that it only pretends to have given back.
    status = None if spec.directory in record.given_back else status_of(spec.published)
    if status is not None and stat.S_ISREG(status.st_mode):
        if status.st_uid != os.geteuid():
            # Never given to the user by root: who can write a directory can move others' files to this name.
            before = f"owner uid {status.st_uid}\n"
            if record.change(f"removed {spec.published}, which was not the user's", spec.published, before, "absent\n"):
                os.unlink(spec.published)
            return
        ensure_access(record, spec.published, 0o600, file)


def _clear_foreign(record: Record, spec: MirrorSpec, foreign_files: str) -> None:
    """Agents see whatever lies in the credentials directory, so nothing else may."""
    foreign = foreign_names(spec)
    if not foreign:
        return
    if foreign_files == "refuse":
        names = ", ".join(foreign)
        raise HostError(
            f"{spec.directory}: agents would see the foreign {names} in it; move it elsewhere,"
            f" or set creds_mirror_foreign_files to move_aside."
        )
    aside = spec.aside
    ensure_directory(record, aside, 0o700)
    for name in foreign:
        path, number, target = f"{spec.directory}/{name}", 1, f"{aside}/{name}"
        while status_of(target) is not None:
            number += 1
            target = f"{aside}/{name}.{number}"
        if record.change(f"moved {path} aside to {target}", path, "present\n", f"moved to {target}\n"):
            os.rename(path, target)


def foreign_names(spec: MirrorSpec) -> list[str]:
    """What lies in the credentials directory, if it is there, and is not the CLI's file."""
    status = status_of(spec.directory)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return []
    foreign = [name for name in sorted(os.listdir(spec.directory)) if name != spec.cli.file]
    status = status_of(spec.published)
    if status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        foreign.append(spec.cli.file)
    return foreign


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
# The program


def ensure_program(record: Record, paths: Paths, program: str, start: str) -> None:
    """The program, how the services start it, its byte code for the host's Python, and the link for people."""
    files = ((paths.program, program, 0o755), (paths.start, start, 0o644))
    rewritten = any(content_of(path) != content for path, content, _mode in files)
    for path, content, mode in files:
        ensure_file(record, path, content, mode, show=False)
    # The host's Python tells whether the byte code fits, for it may have been upgraded.
    if rewritten or os.path.islink(paths.code) or _python(paths.start, "--kept"):
        if record.change(f"compiled {paths.program}", paths.code, "absent or outdated\n", "current\n"):
            fault = _python(paths.start, "--keep")
            if fault:
                raise HostError(f"{paths.program}: cannot be compiled: {fault}")
    else:
        ensure_mode(record, paths.code, os.lstat(paths.code), 0o644)
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


# ---------------------------------------------------------------------------------------------------------------------
# Units


def _ensure_unit(record: Record, directory: str, name: str, text: UnitText) -> bool:
    """The file of a unit. Whether it was, or would be, changed."""
    return ensure_file(record, f"{directory}/{name}", text, 0o644)


def ensure_units(record: Record, spec: MirrorSpec, manager: Manager) -> None:
    """Every unit of one mirror: its text, and that the watching ones are enabled and active."""
    texts = _mirror.units(spec)
    directory = spec.paths.units
    written = {name for name, text in texts.items() if _ensure_unit(record, directory, name, text)}
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
    present = [name for name in names if status_of(f"{directory}/{name}") is not None]
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


_GUARD_TOP = "/run/creds-mirror"


def require_guardable(spec: MirrorSpec) -> None:
    """As root: the way to the directory leads through directories of root's and of the user's, and through no link.

    :raises HostError: root would follow where somebody else leads.
    """
    descriptor = os.open("/", _O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    path = ""
    try:
        for name in spec.directory.strip("/").split("/"):
            path = f"{path}/{name}"
            try:
                deeper = os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            except FileNotFoundError:
                return
            os.close(descriptor)
            descriptor = deeper
            status = os.fstat(descriptor)
            fault = "is a link" if stat.S_ISLNK(status.st_mode) else ""
            if status.st_uid not in (0, spec.user.uid):
                fault = f"belongs to uid {status.st_uid}"
            if fault:
                raise HostError(
                    f"creds_mirror_guard_directory: {path} {fault}, and root mounts nothing by a way that others can"
                    f" redirect; set creds_mirror_place to system."
                )
    finally:
        os.close(descriptor)


def ensure_guard(record: Record, spec: MirrorSpec) -> None:
    """As root: the mounts that guard a mirror's directory, which is there."""
    texts = _mirror.guard_units(spec)
    manager = Manager("system", spec.user)
    top = status_of(_GUARD_TOP)
    if top is not None:
        # Nobody shall look through the view, wherever it leads. Systemd makes the directory so after a boot.
        ensure_mode(record, _GUARD_TOP, top, 0o700)
    written = [_ensure_unit(record, _SYSTEM_UNITS, name, text) for name, text in texts.items()]
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
    if all(status_of(f"{_SYSTEM_UNITS}/{name}") is None for name in names):
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
    if all(content_of(f"{spec.paths.units}/{name}") == texts[name] for name in services):
        unit = manager.show((spec.verify_service,))[spec.verify_service]
        if int(unit.get("ExecMainStatus") or 0) not in NO_SANDBOX:
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
