# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a container's writable layer, exactly: files, deletions, opaque directories, hard links, attributes."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import Any, Callable, Iterator, Protocol

from .._base.errors import EngineError

_COPY_SECONDS = 3600.0
"""How long the copy of a layer may take."""


class LayeredEngine(Protocol):
    """What of the engine is needed."""

    def layer_directory(self, container: str) -> str | None: ...
    def with_its_rights(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any: ...


def copy_layer(engine: LayeredEngine, source: str, target: str) -> None:
    """Copy the layer of the stopped container ``source`` into that of ``target``, which was never started.

    The overlay2 upper directory is copied as it is: the archive API would bring deleted files back,
    split hard links and lose attributes. Who may not set owners gets no error of cp, so they are compared.

    :raises EngineError: the layers cannot be reached, or not be copied.
    """
    directories = [engine.layer_directory(container) for container in (source, target)]
    if None in directories:
        raise EngineError(
            "the writable layer can be copied only with the right to set owners on the engine's host, and with the "
            "storage driver overlay2; set writable_layer to discard, or copy the files out first"
        )
    fault = engine.with_its_rights(_COPY_SECONDS, _copied, *directories)
    if fault:
        raise EngineError(f"the writable layer could not be copied: {fault}")


def _copied(old: str, new: str) -> str:
    """Copy one directory into another; why it is no exact copy, else empty."""
    result = subprocess.run(
        ["cp", "--archive", "--preserve=all", f"{old}/.", new],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        return result.stderr.strip() or f"cp ended with status {result.returncode}"
    for path, status in _entries(old):
        copied = _identity(f"{new}/{path}" if path else new)
        if copied != status:
            return f"/{path} has another owner, mode or kind than the original"
    return ""


def _entries(root: str) -> Iterator[tuple[str, tuple[int, ...] | None]]:
    """Each path below a directory, and itself, with what it is and whose."""
    yield "", _identity(root)
    for directory, names, files in os.walk(root, onerror=_raise):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            yield os.path.relpath(path, root), _identity(path)


def _raise(error: OSError) -> None:
    raise error


def _identity(path: str) -> tuple[int, ...] | None:
    """Kind and mode, owner, group, and the number of a device."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    device = status.st_rdev if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) else 0
    return status.st_mode, status.st_uid, status.st_gid, device
