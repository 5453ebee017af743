# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which user a container runs as, and a passwd file for one that its image does not know. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from .._base.paths import is_below
from .._engine.mounts import MountSpec
from .config import AgentSpec

PASSWD = "/etc/passwd"
_ENTRY = re.compile(
    r"[!-9;-~]{1,256}:[!-9;-~]{0,256}:[0-9]{1,10}:[0-9]{1,10}:[ -9;-~]{0,256}:[ -9;-~]{0,1024}:[ -9;-~]{0,256}"
)
"""A line of passwd(5): seven fields of printable ASCII."""
BARE_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
"""What a passwd file begins with where no container is looked at that has one of its own."""


@dataclass(frozen=True)
class ContainerUser:
    """The user that a container runs as."""

    uid: int
    gid: int
    home: str
    """What ``HOME`` would be without the variable."""
    has_entry: bool = True
    """Whether the container's ``/etc/passwd`` knows the uid."""


@dataclass(frozen=True)
class Passwd:
    """A generated ``/etc/passwd``. Its name is its content's hash, so the one file mount there is never changes."""

    path: str
    text: str = field(repr=False)

    @property
    def mount(self) -> MountSpec:
        return MountSpec("bind", self.path, PASSWD, True)


def find_container_user(user: str, passwd: str) -> ContainerUser | None:
    """The user that ``Config.User`` means by the container's own ``/etc/passwd`` text.

    ``user`` is empty, a name or an id, each with an optional ``:group``. A numeric id without an
    entry is valid to the engine and gets the home ``/``; a name without an entry gives ``None``.
    """
    name, _colon, group = user.partition(":")
    name = name or "0"
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) < 6 or name not in (fields[0], fields[2]):
            continue
        uid, own_gid, asked_gid = numeric_id(fields[2]), numeric_id(fields[3]), numeric_id(group)
        if uid is not None:
            gid = asked_gid if asked_gid is not None else own_gid or 0
            return ContainerUser(uid, gid, fields[5] or "/")
    uid = numeric_id(name)
    return None if uid is None else ContainerUser(uid, numeric_id(group) or 0, "/", has_entry=False)


def owner_by_home(path: str, passwd: str, user: ContainerUser | None) -> tuple[int, int]:
    """Whose a file in a container should be: the user's in whose home it lies, else the container's own user's."""
    homes = []
    for line in passwd.splitlines():
        fields = line.split(":")
        ids = [numeric_id(field) for field in fields[2:4]]
        if len(fields) > 5 and None not in ids and fields[5] not in ("", "/") and is_below(path, fields[5]):
            homes.append((len(fields[5]), ids))
    if user is not None and user.home not in ("", "/") and is_below(path, user.home):
        return user.uid, user.gid
    uid, gid = max(homes, default=(0, [user.uid, user.gid] if user else [0, 0]), key=lambda home: home[0])[1]
    return uid or 0, gid or 0


def numeric_id(text: str) -> int | None:
    """A uid or gid that a container wrote, which may be anything: only ASCII digits are one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def needed_passwd(spec: AgentSpec, user: str, passwd: str, home: str | None) -> Passwd | None:
    """The passwd file for the ``user`` of a container (``Config.User``), if it is asked for and lacks the uid's entry.

    :param passwd: text of the container's own ``/etc/passwd``, which it goes on with.
    """
    name, _colon, group = user.partition(":")
    uid = numeric_id(name)
    # Of what the container wrote only entries are taken over: the file is mounted back, and lies on the host.
    passwd = "".join(f"{line}\n" for line in passwd.splitlines() if _ENTRY.fullmatch(line))
    has_entry = any(line.split(":")[2:3] == [name] for line in passwd.splitlines())
    if spec.passwd_root is None or uid is None or has_entry:
        return None
    entry = f"agent:x:{uid}:{numeric_id(group) or 0}:agent:{spec.home or home or '/'}:/bin/sh\n"
    text = passwd + entry
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Passwd(f"{spec.passwd_root}/{name}", text)
