# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, directories and ACLs of a host, brought to what they shall be and recorded, by one user at a time.

Whatever lies in the user's home is touched with the user's own rights, so no link in it can lead root astray.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from .._base.changes import Record
from .._base.errors import HostError
from .._base.printable import printable
from .acl import ACL_ACCESS, ACL_DEFAULT
from .users import User

_O_PATH = 0o10000000


def status_of(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def content_of(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def ensure_directory(
    record: Record, path: str, mode: int, *, exactly: bool = True, access: bytes | None = None
) -> None:
    """A directory, with its parents. Where not ``exactly``, one that is there is left as it is."""
    status = status_of(path)
    if status is None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            ensure_directory(record, parent, 0o755, exactly=False)
        if record.change(f"made the directory {path}", path, "absent\n", f"directory, mode {mode:04o}\n"):
            try:
                os.mkdir(path, mode)
                os.chmod(path, mode)  # whatever the umask
                if access is not None:
                    _set_acl(path, ACL_ACCESS, access)
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
    ensure_access(record, path, mode, access)


def ensure_access(record: Record, path: str, mode: int, access: bytes | None) -> None:
    """The access ACL, which holds the mode as well; or the mode alone, and no ACL."""
    if ensure_acl(record, path, ACL_ACCESS, access):
        if access is None and not record.check_mode:
            os.chmod(path, mode)  # what was the ACL's mask are the group's rights now
    elif access is None:
        ensure_mode(record, path, os.lstat(path), mode)


def ensure_mode(record: Record, path: str, status: os.stat_result, mode: int) -> None:
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
    kind = "default ACL" if attribute == ACL_DEFAULT else "ACL"
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
    status = status_of(path)
    now: str | None = None
    if status is not None and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        with open(path, encoding="utf-8", errors="replace") as file:
            now = file.read()
    if now == content:
        before = len(record.changes)
        ensure_mode(record, path, os.lstat(path), mode)
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
    status = status_of(path)
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


def remove_file(record: Record, path: str) -> bool:
    if status_of(path) is None:
        return False
    if record.change(f"removed {path}", path, "present\n", "absent\n"):
        os.unlink(path)
    return True


def remove_directory(record: Record, path: str, removed: set[str] | None = None) -> bool:
    """Remove a directory that is empty; one that holds something else is not ours to remove. Whether it is gone.

    ``removed`` names what check mode takes as removed from it.
    """
    if status_of(path) is None:
        return True
    left = set(os.listdir(path)) - ((removed or set()) if record.check_mode else set())
    if left:
        return False
    if record.change(f"removed the directory {path}", path, "directory\n", "absent\n"):
        os.rmdir(path)
    return True


def give_back(record: Record, user: User, path: str, beneath: str | None = None) -> None:
    """As root: make the user the owner of one directory or file; nothing is done where none is.

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
        raise HostError(f"{path}: it lies outside of {beneath}, and root gives nothing away there; chown it yourself.")
    try:
        descriptor = os.open(beneath, _O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        owners = {user.uid, os.fstat(descriptor).st_uid}
        for name in inside.split("/"):
            try:
                deeper = os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            except (FileNotFoundError, NotADirectoryError):
                return
            os.close(descriptor)
            descriptor = deeper
        status = os.fstat(descriptor)
        if status.st_uid == user.uid or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            return
        _require_harmless(descriptor, path, user, owners)
        before, after = f"owner uid {status.st_uid}\n", f"owner uid {user.uid}\n"
        if record.change(f"gave {path} back to {user.name}", path, before, after):
            os.chown(f"/proc/self/fd/{descriptor}", user.uid, user.gid)
        else:
            record.given_back |= {path}
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
