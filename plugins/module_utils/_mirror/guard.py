# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard: a mount on the credentials directory, by which nobody can remove or replace it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from .._base.changes import Changes
from .._base.errors import HostError
from .._host.files import content_of, ensure_mode, status_of
from .._host.openat2 import O_PATH
from .._host.systemd import Manager
from .._host.users import may_use_engine
from .install import ensure_unit, ensure_watching, remove_units
from .spec import SYSTEM_UNITS, MirrorSpec
from .units import guard_units, guard_view

_GUARD_TOP = "/run/creds-mirror"


def require_guardable(spec: MirrorSpec) -> None:
    """As root: require that root's mount leads nobody to what he does not have.

    A mount unit names a path, which its owner can redirect between any look at it and the mount. So the way there is
    root's, or that of a user who is root already by root's engine; a link in it is refused to him too.

    :raises HostError: root would follow where somebody else leads.
    """
    if spec.place == "home" and not may_use_engine(spec.user):
        raise HostError(
            f"creds_mirror_guard_directory: {spec.user.name} may not use root's engine, but could redirect root's mount"
            f" of {spec.directory} by a link above it; set creds_mirror_place to system, where nobody but root can"
            f" remove the directory."
        )
    descriptor = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    path = ""
    try:
        for name in spec.directory.strip("/").split("/"):
            path = f"{path}/{name}"
            try:
                deeper = os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                status = os.fstat(deeper)
            except FileNotFoundError:
                return
            except PermissionError:
                raise HostError(
                    f"creds_mirror_guard_directory: {path} can be reached by its user and not by root (FUSE or"
                    f" root_squash); set creds_mirror_place to system."
                ) from None
            os.close(descriptor)
            descriptor = deeper
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


def release(changes: Changes, spec: MirrorSpec) -> bool:
    """As root: take away the mounts of a guard that holds the directory of the other place, for it cannot be moved so.

    Returns whether there is one. What follows holds the directory again: :func:`ensure_guard`, or :func:`hold_again`.

    :raises HostError: the guard is in use.
    """
    texts = guard_units(spec)
    written = {name: content_of(f"{SYSTEM_UNITS}/{name}") for name in texts}
    is_others = any(text is not None and _held(text) != _held(texts[name]) for name, text in written.items())
    manager = Manager(spec.user, is_users=False)
    if os.geteuid() != 0 or not is_others or not _is_mounted(manager, tuple(texts)):
        return False
    if not changes.check_mode:
        _unmount(manager, spec, tuple(texts))
    return True


def hold_again(spec: MirrorSpec) -> None:
    """As root: mount a guard again that was released in vain."""
    Manager(spec.user, is_users=False).run("start", *guard_units(spec), check=False)


def _held(text: str) -> str:
    """What a mount unit mounts."""
    return next((line for line in text.splitlines() if line.startswith("What=")), "")


def _is_mounted(manager: Manager, names: tuple[str, ...]) -> bool:
    return any(unit.get("ActiveState") == "active" for unit in manager.show(names).values())


def _unmount(manager: Manager, spec: MirrorSpec, names: tuple[str, ...]) -> None:
    manager.run("stop", *names, check=False)
    if _is_mounted(manager, names):
        raise HostError(f"{spec.directory}: its guard is in use and cannot be removed; end what uses it.")


def ensure_guard(changes: Changes, spec: MirrorSpec, *, is_released: bool = False) -> None:
    """As root: mount what guards a mirror's directory, which is there."""
    texts = guard_units(spec)
    manager = Manager(spec.user, is_users=False)
    top = status_of(_GUARD_TOP)
    if top is not None:
        # Nobody may look through the view, wherever it leads. After a boot systemd makes it so (262: 0755).
        ensure_mode(changes, _GUARD_TOP, top, 0o700)
    written = [ensure_unit(changes, SYSTEM_UNITS, name, text) for name, text in texts.items()]
    if any(written) and not changes.check_mode:
        manager.run("daemon-reload")
    guard = list(texts)[-1]
    if is_released and not changes.check_mode:
        manager.run("start", guard)
    unit = manager.show((guard,))[guard]
    ensure_watching(changes, manager, guard, unit, rewritten=False)
    if not is_released and any(written) and unit.get("ActiveState") == "active" and not changes.check_mode:
        manager.run("restart", *texts)
    if top is None and not changes.check_mode and os.path.isdir(_GUARD_TOP):
        os.chmod(_GUARD_TOP, 0o700)  # systemd 262 makes it with 0755, whatever DirectoryMode= says


def remove_guard(changes: Changes, spec: MirrorSpec) -> None:
    """As root: remove the guard, if there is one.

    :raises HostError: this process is not root's, or the guard is in use.
    """
    names = tuple(guard_units(spec))
    if all(status_of(f"{SYSTEM_UNITS}/{name}") is None for name in names):
        return
    if os.geteuid() != 0:
        raise HostError(f"{spec.directory}: only root can remove its guard; set become.")
    manager = Manager(spec.user, is_users=False)
    if not changes.check_mode:
        _unmount(manager, spec, names)
    remove_units(changes, manager, SYSTEM_UNITS, names)
    if not changes.check_mode:
        with suppress(OSError):
            os.removedirs(guard_view(spec))
