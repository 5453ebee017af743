# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""Who owns what on the host, and who else may read it: users, readers, POSIX ACLs as the kernel takes them. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True)
class Readers:
    """Who else may read the published file, as the host numbers them."""

    uids: tuple[int, ...] = ()
    gids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.uids or self.gids)


# The extended attributes of ACLs, see linux/posix_acl_xattr.h.
ACL_ACCESS, ACL_DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
READ, READ_ENTER = 4, 5


def acl(readers: Readers, owner: int, right: int) -> bytes:
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
