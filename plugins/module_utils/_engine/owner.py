# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose program an engine is: by what the kernel tells of its socket, not by what the engine says."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

from .._base.namespace import user_namespace

_SECONDS = 5.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred


@dataclass(frozen=True)
class Owner:
    """The process that listens at a socket."""

    pid: int
    uid: int

    @property
    def has_namespace(self) -> bool:
        """Whether it is in a user namespace of its own, as a rootless engine is."""
        own, other = user_namespace("self"), user_namespace(self.pid)
        return None not in (own, other) and own != other


def socket_path(docker_host: str) -> str | None:
    """Where an engine listens on this host, as the SDK reads it."""
    scheme, _colon, path = docker_host.partition("://")
    return f"/{path.lstrip('/')}" if scheme in ("unix", "http+unix") else None


def owner_of(path: str) -> Owner | None:
    """Who listens at a socket of this host; ``None`` if nobody does who may be known."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _gid = _CREDENTIALS.unpack(told)
        return Owner(pid, uid)
    return None
