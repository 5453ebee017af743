# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what may be anything: regular files only, bounded."""

from __future__ import annotations

import hashlib
import os
import stat

_LIMIT = 1 << 20


def read_regular(descriptor: int) -> bytes | None:
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(_LIMIT)


def fingerprint(content: bytes | None) -> str | None:
    """What names a version of a credential without telling it: 12 hexadecimal digits."""
    return None if content is None else hashlib.sha256(content).hexdigest()[:12]
