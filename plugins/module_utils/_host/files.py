# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, directories and ACLs of a host, brought to their desired state and recorded, by one user at a time.

Whatever lies in the user's home is touched with the user's own rights, so no link in it can lead root astray. What is
read is opened without blocking and must be a regular file: anything may have been put in its place.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Callable

from .._base.changes import Changes
from .._base.errors import HostError
from .._base.printable import printable
from .acl import ACL_ACCESS, ACL_DEFAULT
from .openat2 import O_PATH
from .reading import open_regular, read_regular
from .users import User


def status_of(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def content_of(path: str) -> str | None:
    """The text of a regular file, or ``None``."""
    try:
        content = read_regular(open_regular(path))
    except OSError:
        return None
    return None if content is None else content.decode("utf-8", "replace")


def ensure_directory(
    changes: Changes,
    path: str,
    mode: int,
    *,
    exactly: bool = True,
    access: bytes | None = None,
) -> None:
    """Make a directory, with its parents. Unless ``exactly``, one that is there is left as it is."""
    if path in changes.made:
        return
    status = status_of(path)
    if status is None:
        _make_directory(changes, path, mode, access)
        return
    if not exactly and os.path.isdir(path):
        return
    if not stat.S_ISDIR(status.st_mode):
        kind = "symbolic link" if stat.S_ISLNK(status.st_mode) else "file"
        raise HostError(f"{path}: a {kind} is where the directory must be; move it away.")
    if status.st_uid != os.geteuid() and path not in changes.chowned:
        raise HostError(f"{path}: it belongs to uid {status.st_uid}; chown it, or run the role as root.")
    ensure_access(changes, path, mode, access)


def ensure_roots_directory(changes: Changes, path: str) -> None:
    """As root: make a directory that everybody may pass and only root may change.

    :raises HostError: somebody else's is there.
    """
    status = status_of(path)
    if status is not None and (not stat.S_ISDIR(status.st_mode) or status.st_uid != 0):
        raise HostError(
            f"{path}: it belongs to uid {status.st_uid}, and every directory above the credentials must be root's;"
            f" move it away."
        )
    ensure_directory(changes, path, 0o755)


def _make_directory(changes: Changes, path: str, mode: int, access: bytes | None) -> None:
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        ensure_directory(changes, parent, 0o755, exactly=False)

    def make() -> None:
        try:
            os.mkdir(path, mode)
            os.chmod(path, mode)  # whatever the umask
            if access is not None:
                _set_acl(path, ACL_ACCESS, access)
        except OSError as error:
            raise HostError(f"{path}: cannot be made: {error.strerror}; fix its parent directory.") from None

    if not changes.make(f"made the directory {path}", path, "absent\n", f"directory, mode {mode:04o}\n", make):
        changes.made.add(path)


def ensure_access(changes: Changes, path: str, mode: int, access: bytes | None) -> None:
    """Set the access ACL, which holds the mode as well; or the mode alone, and no ACL."""
    if ensure_acl(changes, path, ACL_ACCESS, access):
        if access is None and not changes.check_mode:
            os.chmod(path, mode)  # what was the ACL's mask are the group's rights now
    elif access is None:
        ensure_mode(changes, path, os.lstat(path), mode)


def ensure_mode(changes: Changes, path: str, status: os.stat_result, mode: int) -> None:
    observed = stat.S_IMODE(status.st_mode)
    if observed != mode:
        changes.make(
            f"set the mode of {path} to {mode:04o}",
            path,
            f"mode {observed:04o}\n",
            f"mode {mode:04o}\n",
            lambda: os.chmod(path, mode),
        )


def ensure_acl(changes: Changes, path: str, attribute: str, desired: bytes | None) -> bool:
    """Set a POSIX ACL, or none. Returns whether it was, or would be, changed."""
    try:
        observed: bytes | None = os.getxattr(path, attribute)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT):
            raise
        observed = None
    if observed == desired:
        return False
    kind = "default ACL" if attribute == ACL_DEFAULT else "ACL"
    before, after = (f"{kind} none\n" if acl is None else f"{kind} {acl.hex()}\n" for acl in (observed, desired))
    changes.make(f"set the {kind} of {path}", path, before, after, lambda: _set_acl(path, attribute, desired))
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


def ensure_file(changes: Changes, path: str, content: str, mode: int, *, show: bool = True) -> bool:
    """Write a regular file. Returns whether it was, or would be, changed."""
    ensure_directory(changes, os.path.dirname(path), 0o755, exactly=False)
    status = status_of(path)
    observed: str | None = None
    if status is not None and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        observed = content_of(path)
    if observed == content:
        before = len(changes.changes)
        ensure_mode(changes, path, os.lstat(path), mode)
        return len(changes.changes) > before

    def write(temporary: str) -> None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            os.fchmod(descriptor, mode)

    what = "wrote" if status is None else "repaired"
    before_text, after = (observed or "", content) if show else ("", f"{what}\n")
    changes.make(f"{what} {path}", path, before_text, after, lambda: _replace_file(path, write))
    return True


def ensure_link(changes: Changes, path: str, target: str) -> None:
    """Make a symbolic link."""
    ensure_directory(changes, os.path.dirname(path), 0o755, exactly=False)
    status = status_of(path)
    observed = os.readlink(path) if status is not None and stat.S_ISLNK(status.st_mode) else None
    if observed == target:
        return
    if status is None:
        what, before = "linked", "absent\n"
    else:
        what, before = "repaired", "another file\n" if observed is None else f"link to {observed}\n"
    changes.make(
        f"{what} {path}",
        path,
        before,
        f"link to {target}\n",
        lambda: _replace_file(path, lambda temporary: os.symlink(target, temporary)),
    )


def _replace_file(path: str, make: Callable[[str], None]) -> None:
    """Make a file under a temporary name and rename it to ``path``, which is never absent or half-made in between."""
    temporary = f"{path}.{os.getpid()}"
    try:
        make(temporary)
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise HostError(f"{path}: cannot be written: {error.strerror}; fix that and run again.") from None


def remove_file(changes: Changes, path: str) -> bool:
    """Returns whether it was, or would be, removed."""
    if status_of(path) is None:
        return False
    changes.make(f"removed {path}", path, "present\n", "absent\n", lambda: os.unlink(path))
    return True


def remove_directory(changes: Changes, path: str, removed: set[str] | None = None) -> bool:
    """Remove a directory if it is empty: one that holds something else is not ours. Returns whether it is gone.

    :param removed: names that check mode takes as removed from it.
    """
    if status_of(path) is None:
        return True
    left = set(os.listdir(path)) - ((removed or set()) if changes.check_mode else set())
    if left:
        return False
    changes.make(f"removed the directory {path}", path, "directory\n", "absent\n", lambda: os.rmdir(path))
    return True


def chown_to(changes: Changes, user: User, path: str, beneath: str | None = None) -> None:
    """As root: make the user the owner of one directory or file, if it is there.

    It is reached from ``beneath`` (the home, if left out) by descriptors, without following any link below that. What
    it holds must be what the user may have anyway: whoever can write a directory can move what others have put there.

    :raises HostError: it lies elsewhere, or is or holds somebody else's.
    """
    beneath = (beneath or user.home).rstrip("/") or "/"
    inside = os.path.relpath(path, beneath)
    if inside == "." or inside.split("/")[0] == "..":
        status = status_of(path)
        if status is None or status.st_uid == user.uid:
            return
        raise HostError(f"{path}: it lies outside of {beneath}, where root changes no owner; chown it yourself.")
    # What root may not reach (a FUSE home, root_squash) holds nothing that root or an engine has made.
    with suppress(PermissionError):
        _chown_beneath(changes, user, path, beneath, inside)


def _chown_beneath(changes: Changes, user: User, path: str, beneath: str, inside: str) -> None:
    try:
        descriptor = os.open(beneath, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        owners = {user.uid, os.fstat(descriptor).st_uid}
        for name in inside.split("/"):
            try:
                deeper = os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            except (FileNotFoundError, NotADirectoryError):
                return
            os.close(descriptor)
            descriptor = deeper
        status = os.fstat(descriptor)
        if status.st_uid == user.uid or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            return
        _require_harmless(descriptor, path, user, owners)
        before, after = f"owner uid {status.st_uid}\n", f"owner uid {user.uid}\n"

        def chown() -> None:
            os.chown(f"/proc/self/fd/{descriptor}", user.uid, user.gid)

        if not changes.make(f"set the owner of {path} to {user.name}", path, before, after, chown):
            changes.chowned.add(path)
    finally:
        os.close(descriptor)


def _require_harmless(descriptor: int, path: str, user: User, owners: set[int]) -> None:
    """:raises HostError: with this directory or file the user would get what is not his."""
    status = os.fstat(descriptor)
    is_directory = stat.S_ISDIR(status.st_mode)
    if status.st_uid not in (owners | {0} if is_directory else owners):
        raise HostError(f"{path}: it belongs to uid {status.st_uid}, who may have secrets in it; remove or chown it.")
    if not is_directory:
        if status.st_nlink > 1:
            raise HostError(f"{path}: it has a second name elsewhere (a hard link); remove it.")
        return
    listed = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in sorted(os.listdir(listed)):
            if os.stat(name, dir_fd=listed, follow_symlinks=False).st_uid not in owners - {0}:
                raise HostError(
                    f"{path}: it belongs to uid {status.st_uid}, and {printable(name)} in it is not {user.name}'s;"
                    f" remove it, or chown both."
                )
    finally:
        os.close(listed)
