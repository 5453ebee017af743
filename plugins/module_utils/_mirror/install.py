# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a host to one mirror's desired state: its directories, program and units."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace

from .._base.changes import Changes
from .._base.errors import HostError
from .._base.paths import is_below
from .._base.printable import printable
from .._host import acl
from .._host.files import (
    content_of,
    ensure_access,
    ensure_acl,
    ensure_directory,
    ensure_file,
    ensure_link,
    ensure_mode,
    remove_directory,
    remove_file,
    status_of,
)
from .._host.systemd import CANNOT_START, NO_SANDBOX, Manager, is_lingering
from .spec import MirrorSpec, Paths
from .unit_text import UnitText
from .units import PYTHON, trial, units

# ---------------------------------------------------------------------------------------------------------------------
# Directories


def ensure_directories(changes: Changes, spec: MirrorSpec, foreign_files: str) -> None:
    """Make the credentials directory, with nothing foreign in it, and the staging directory, for who may read them."""
    readers = spec.readers
    ensure_directory(changes, spec.root, 0o700, exactly=False)
    ensure_directory(changes, spec.directory, 0o700, access=readers.directory_acl)
    ensure_directory(changes, spec.staging, 0o700)
    if os.path.isdir(spec.directory) and spec.directory not in changes.chowned:
        _clear_foreign(changes, spec, foreign_files)
    if os.path.isdir(spec.staging):
        ensure_acl(changes, spec.staging, acl.ACL_DEFAULT, readers.default_acl)
    elif readers.default_acl is not None and spec.staging not in changes.moved:
        changes.make(f"set the default ACL of {spec.staging}", spec.staging, "", "", lambda: None)
    # Check mode cannot look into a directory that it has only said to chown.
    status = None if spec.directory in changes.chowned else status_of(spec.published)
    if status is not None and stat.S_ISREG(status.st_mode):
        if status.st_uid == os.geteuid():
            ensure_access(changes, spec.published, 0o600, readers.file_acl)
        else:
            # Never chowned by root: who can write a directory can move others' files to this name.
            changes.make(
                f"removed {spec.published}, which was not the user's",
                spec.published,
                f"owner uid {status.st_uid}\n",
                "absent\n",
                lambda: os.unlink(spec.published),
            )


def _clear_foreign(changes: Changes, spec: MirrorSpec, foreign_files: str) -> None:
    """Refuse or move aside what agents would see in the credentials directory in addition to the login."""
    foreign = foreign_names(spec)
    if not foreign:
        return
    if foreign_files == "refuse":
        names = printable(", ".join(foreign))
        raise HostError(
            f"{spec.directory}: agents would see the foreign {names} in it; move it elsewhere,"
            f" or set creds_mirror_foreign_files to move_aside."
        )
    ensure_directory(changes, spec.aside, 0o700)
    for name in foreign:
        path, number, target = f"{spec.directory}/{name}", 1, f"{spec.aside}/{name}"
        while status_of(target) is not None:
            number += 1
            target = f"{spec.aside}/{name}.{number}"
        _move(changes, path, target)


def _move(changes: Changes, path: str, target: str) -> None:
    what = f"moved {path} aside to {target}"
    changes.make(what, path, "present\n", f"moved to {target}\n", lambda: os.rename(path, target))


def foreign_names(spec: MirrorSpec) -> list[str]:
    """Names of what is in the credentials directory, if that is there, and is not the CLI's file."""
    status = status_of(spec.directory)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return []
    foreign = [name for name in sorted(os.listdir(spec.directory)) if name != spec.cli.file]
    status = status_of(spec.published)
    if status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        foreign.append(spec.cli.file)
    return foreign


def remove_directories(changes: Changes, spec: MirrorSpec) -> None:
    """Remove the credentials and staging directories; foreign files stay, and so does what holds them."""
    if spec.directory not in changes.chowned and not os.path.islink(spec.directory):
        remove_file(changes, spec.published)
    remove_staging(changes, spec)
    if os.path.isdir(spec.directory) and not os.path.islink(spec.directory):
        names = [] if spec.directory in changes.chowned else os.listdir(spec.directory)
        left = sorted(name for name in names if name != spec.cli.file)
        if left:
            changes.warnings.append(f"{spec.directory} is kept: it holds the foreign {printable(', '.join(left))}")
        else:
            remove_directory(changes, spec.directory, set(names))


def remove_staging(changes: Changes, spec: MirrorSpec) -> None:
    """Remove the staging directory with all that is in it."""
    if os.path.isdir(spec.staging) and not os.path.islink(spec.staging):
        _empty_staging(changes, spec)
        changes.make(
            f"removed the directory {spec.staging}",
            spec.staging,
            "directory\n",
            "absent\n",
            lambda: os.rmdir(spec.staging),
        )


def _empty_staging(changes: Changes, spec: MirrorSpec) -> None:
    if not changes.check_mode:
        for name in os.listdir(spec.staging):
            os.unlink(f"{spec.staging}/{name}")


# ---------------------------------------------------------------------------------------------------------------------
# The program


def ensure_program(changes: Changes, paths: Paths, program: str, start: str) -> None:
    """Install the program, how the services start it, its byte code for the host's Python, and the link for people."""
    files = ((paths.program, program, 0o755), (paths.start, start, 0o644))
    rewritten = any(content_of(path) != content for path, content, _mode in files)
    for path, content, mode in files:
        ensure_file(changes, path, content, mode, show=False)

    def compile_program() -> None:
        fault = _python(paths.start, "--keep")
        if fault:
            raise HostError(f"{paths.program}: cannot be compiled: {fault}")

    # The host's Python says whether the byte code fits, for it may have been upgraded.
    if rewritten or os.path.islink(paths.code) or _python(paths.start, "--kept"):
        what = f"compiled {paths.program}"
        changes.make(what, paths.code, "absent or outdated\n", "current\n", compile_program)
    else:
        ensure_mode(changes, paths.code, os.lstat(paths.code), 0o644)
    ensure_link(changes, paths.command, paths.program)


def look_for_client(spec: MirrorSpec) -> None:
    """Let the program find out which client renews the login; it keeps what it finds, also that there is none."""
    with suppress(HostError):  # a client that does not end
        _python(spec.paths.program, "client", spec.config)


_PYTHON_SECONDS = 60.0
_ERROR_BYTES = 4096


def _python(*arguments: str) -> str:
    """Run the host's Python as the services do, and return what is wrong, or nothing.

    The user can replace what it runs: it is waited for within bounds, and leaves no process behind.
    """
    command = [*PYTHON, *arguments]
    # Not a pipe: a process that is left over could hold it open, and the run with it.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        except FileNotFoundError:
            raise HostError(f"this host has no {PYTHON[0]}; the mirror needs it: install Python 3.") from None
        has_ended = _has_ended(process.pid, time.monotonic() + _PYTHON_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its number is not used again before wait()
        process.wait()
        if not has_ended:
            raise HostError(f"{' '.join(command)} did not end within {_PYTHON_SECONDS:.0f} seconds; look at the host.")
        if process.returncode == 0:
            return ""
        errors.seek(-min(_ERROR_BYTES, errors.seek(0, os.SEEK_END)), os.SEEK_END)
        last = errors.read(_ERROR_BYTES).decode("utf-8", "replace").strip().rpartition("\n")[2]
    return printable(last) or "it ended with an error"


def _has_ended(pid: int, end: float) -> bool:
    """Whether a child ends in time; it is not reaped."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


# ---------------------------------------------------------------------------------------------------------------------
# Units


def ensure_unit(changes: Changes, directory: str, name: str, text: UnitText) -> bool:
    """Write a unit's file. Returns whether it was, or would be, changed."""
    return ensure_file(changes, f"{directory}/{name}", text, 0o644)


def ensure_units(changes: Changes, spec: MirrorSpec, manager: Manager) -> None:
    """Write every unit of one mirror, and have those that watch enabled and active."""
    texts = units(spec)
    directory = spec.paths.units
    written = {name for name, text in texts.items() if ensure_unit(changes, directory, name, text)}
    remove_units(changes, manager, directory, tuple(name for name in spec.all_units if name not in texts))
    if not _can_ask(changes, manager):
        if changes.check_mode:
            _predict_watching(changes, spec, directory)
            return
        manager.wait_until_reachable()
    if written and not changes.check_mode:
        manager.run("daemon-reload")
    observed = _loaded(changes, manager, directory, tuple(texts), written)
    if any(observed[name].get("ActiveState") != "active" for name in spec.watching):
        # A manager that has just come may still be starting what is enabled.
        manager.run("is-system-running", "--wait", check=False)
        observed = manager.show(tuple(texts))
    for name in spec.watching:
        ensure_watching(changes, manager, name, observed[name], rewritten=name in written)


def _can_ask(changes: Changes, manager: Manager) -> bool:
    """Whether a manager answers, and goes on to: in check mode nothing keeps one that does not linger from ending."""
    is_to_end = changes.check_mode and manager.is_users and not is_lingering(manager.user)
    return manager.is_reachable and not is_to_end


def _predict_watching(changes: Changes, spec: MirrorSpec, directory: str) -> None:
    """In check mode, where the manager does not run yet: it starts what is enabled when it comes."""
    for name in spec.watching:
        if not _is_wanted(directory, name):
            changes.make(f"enabled {name}", name, "not enabled\n", "enabled\n", lambda: None)
            changes.make(f"started {name}", name, "inactive\n", "active\n", lambda: None)


def _is_wanted(directory: str, name: str) -> bool:
    """Whether a unit is enabled, found out without its manager."""
    with suppress(OSError):
        wants = [entry for entry in os.listdir(directory) if entry.endswith(".wants")]
        return any(os.path.lexists(f"{directory}/{entry}/{name}") for entry in wants)
    return False


def _loaded(
    changes: Changes, manager: Manager, directory: str, names: tuple[str, ...], written: set[str]
) -> dict[str, dict[str, str]]:
    """Have the manager know the units as they are written, and return their properties."""
    observed = manager.show(names)
    before = len(changes.changes)
    outdated = [name for name in names if observed[name].get("NeedDaemonReload") == "yes" and name not in written]
    if outdated:
        what = f"reloaded {', '.join(outdated)}"
        changes.make(what, directory, "outdated\n", "current\n", lambda: manager.run("daemon-reload"))
    for name in names:
        if observed[name].get("LoadState") == "masked" and name not in written:
            _unmask(changes, manager, name)
    return manager.show(names) if len(changes.changes) > before and not changes.check_mode else observed


def _unmask(changes: Changes, manager: Manager, name: str) -> None:
    def unmask() -> None:
        manager.run("unmask", "--runtime", name)
        manager.run("daemon-reload")

    changes.make(f"unmasked {name}", name, "masked\n", "not masked\n", unmask)


def ensure_watching(changes: Changes, manager: Manager, name: str, unit: dict[str, str], *, rewritten: bool) -> None:
    """Have a unit enabled and active, and running what is written."""

    def start() -> None:
        manager.run("reset-failed", name, check=False)
        manager.run("start", name)

    if unit.get("UnitFileState") != "enabled":
        changes.make(f"enabled {name}", name, "not enabled\n", "enabled\n", lambda: manager.run("enable", name))
    if unit.get("ActiveState") != "active":
        changes.make(f"started {name}", name, f"{unit.get('ActiveState') or 'inactive'}\n", "active\n", start)
    elif rewritten and not changes.check_mode:
        manager.run("restart", name)


def verify_now(spec: MirrorSpec, manager: Manager) -> None:
    """Start the verify service: after a reload or restart of the watch systemd may have missed a change.

    What the program itself says of the login stands in its state file.

    :raises HostError: this systemd cannot start the service.
    """
    manager.run("start", spec.verify_service, check=False)
    status = int(manager.show((spec.verify_service,))[spec.verify_service].get("ExecMainStatus") or 0)
    if status in CANNOT_START:
        raise HostError(
            f"{spec.verify_service} cannot be started on this host (systemd's exit status {status});"
            f" look at its journal (journalctl, SYSLOG_IDENTIFIER=creds-mirror), and run again."
        )


def remove_units(changes: Changes, manager: Manager, directory: str, names: tuple[str, ...]) -> None:
    """Stop units, disable them and remove their files, if they are there."""
    present = [name for name in names if status_of(f"{directory}/{name}") is not None]
    if not present:
        return
    if not changes.check_mode and manager.is_reachable:
        manager.run("disable", "--now", *present, check=False)
    for name in present:
        remove_file(changes, f"{directory}/{name}")
    if not changes.check_mode and manager.is_reachable:
        manager.run("daemon-reload")
        manager.run("reset-failed", *present, check=False)


def remove_empty_above(changes: Changes, home: str, *paths: str, gone: set[str]) -> None:
    """Remove the directories between the home and what was removed at ``paths``, as far as they hold nothing else.

    Not only what the role made: an empty one of these has no other use, and programs make it when they need it.

    :param gone: what was removed by now, or in check mode would be.
    """
    gone = {*gone}

    def will_be_gone(path: str) -> bool:
        if path in gone:
            return True
        # systemctl removes the links of units that it disables, and the directory that held no others.
        return path.endswith(".wants") and all(
            name in {os.path.basename(one) for one in gone} for name in os.listdir(path)
        )

    above = {parent for path in paths if is_below(path, home) for parent in _parents(path, home)}
    for path in sorted(above, key=len, reverse=True):
        if os.path.isdir(path) and not os.path.islink(path):
            names = {name for name in os.listdir(path) if will_be_gone(f"{path}/{name}")}
            if remove_directory(changes, path, names):
                gone.add(path)


def _parents(path: str, home: str) -> list[str]:
    parents = []
    while (path := os.path.dirname(path)) != home:
        parents.append(path)
    return parents


# ---------------------------------------------------------------------------------------------------------------------
# What this host can do

_CLONE_NEWNS, _CLONE_NEWUSER, _MS_REC, _MS_PRIVATE = 0x00020000, 0x10000000, 0x4000, 1 << 18


def can_sandbox(changes: Changes, spec: MirrorSpec, manager: Manager) -> bool:
    """Whether the user's systemd can make the mount sandbox. Its ability counts, not this process's.

    How services that are installed with the sandbox have ended shows it. Only where there are none it is tried.
    """
    if not _can_ask(changes, manager):
        if changes.check_mode:
            return _can_make_namespaces()
        manager.wait_until_reachable()
    texts = units(replace(spec, sandbox=True))
    services = (spec.unit("mirror", "service"), spec.verify_service)
    if all(content_of(f"{spec.paths.units}/{name}") == texts[name] for name in services):
        unit = manager.show((spec.verify_service,))[spec.verify_service]
        if int(unit.get("ExecMainStatus") or 0) not in NO_SANDBOX:
            return True
    return manager.supports(trial())


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
