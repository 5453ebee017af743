# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns what on the host, and who else may read it: users, readers, POSIX ACLs as the kernel takes them. Pure."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Readers:
    """Who else may read the published file, as the host numbers them."""

    uids: tuple[int, ...] = ()
    gids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.uids or self.gids)

    @property
    def directory_acl(self) -> bytes | None:
        """The access ACL of a directory of the owner's that they may enter."""
        return encode(self, 7, READ_ENTER) if self else None

    @property
    def default_acl(self) -> bytes | None:
        """The default ACL of a directory in which what they may read is made."""
        return encode(self, 7, READ) if self else None

    @property
    def file_acl(self) -> bytes | None:
        """The access ACL of a file of the owner's that they may read."""
        return encode(self, 6, READ) if self else None


# The extended attributes of ACLs, see linux/posix_acl_xattr.h.
ACL_ACCESS, ACL_DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
READ, READ_ENTER, _WRITE = 4, 5, 2


def encode(readers: Readers, owner: int, right: int) -> bytes:
    """An ACL that gives the owner and the readers their rights, and nobody else any."""
    entries = [
        (_USER_OBJ, owner, _NO_ID),
        *((_USER, right, uid) for uid in sorted(set(readers.uids))),
        (_GROUP_OBJ, 0, _NO_ID),
        *((_GROUP, right, gid) for gid in sorted(set(readers.gids))),
        (_MASK, right, _NO_ID),
        (_OTHER, 0, _NO_ID),
    ]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def granted_readers(path: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of users and groups that the access control list of ``path`` grants read and search; see acl(5)."""
    return _granted(path, READ_ENTER)


def writers(path: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of users and groups that the access control list of ``path`` lets write."""
    return _granted(path, _WRITE)


def _granted(path: str, right: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        attribute = os.getxattr(path, ACL_ACCESS)
    except OSError:
        return (), ()
    entries = list(struct.iter_unpack("<HHI", attribute[4:]))
    mask = next((permissions for tag, permissions, _id in entries if tag == _MASK), 7)
    granted = [(tag, number) for tag, permissions, number in entries if permissions & mask & right == right]
    return (
        tuple(number for tag, number in granted if tag == _USER),
        tuple(number for tag, number in granted if tag == _GROUP),
    )
