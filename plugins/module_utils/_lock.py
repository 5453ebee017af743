# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""One run at a time on a host: two of them would take each other's new containers for leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from typing import Iterator

from ansible_collections.agentops.credentials.plugins.module_utils._errors import EngineError

_STEP_SECONDS = 0.1


@contextlib.contextmanager
def exclusive(timeout: float) -> Iterator[None]:
    """Hold the lock of this host and user; it goes with the process.

    :param timeout: seconds to wait for another run.
    :raises EngineError: the other run did not end in time.
    """
    directory = "/run/lock" if os.access("/run/lock", os.W_OK) else tempfile.gettempdir()
    path = os.path.join(directory, f"agentops-credentials-{os.geteuid()}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise EngineError(
                        f"another run changes agent containers on this host (it holds {path}); try again later"
                    ) from None
                time.sleep(_STEP_SECONDS)
        yield
    finally:
        os.close(descriptor)
