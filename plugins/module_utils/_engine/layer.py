# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a container's writable layer, exactly: files, deletions, opaque directories, hard links, attributes."""

from __future__ import annotations

import subprocess
from typing import Protocol

from .._base.errors import EngineError


class LayeredEngine(Protocol):
    """What of the engine is needed."""

    def layer_directory(self, container: str) -> str | None: ...


def copy_layer(engine: LayeredEngine, source: str, target: str) -> None:
    """Copy the layer of the stopped container ``source`` into that of ``target``, which was never started.

    The overlay2 upper directory is copied as it is: the archive API would bring deleted files back,
    split hard links and lose attributes.

    :raises EngineError: the layers cannot be reached, or not be copied.
    """
    directories = [engine.layer_directory(container) for container in (source, target)]
    if None in directories:
        raise EngineError(
            "the writable layer can be copied only as root on the engine's host with the storage driver overlay2; "
            "set writable_layer to discard, or copy the files out first"
        )
    old, new = directories
    result = subprocess.run(
        ["cp", "--archive", "--preserve=all", f"{old}/.", str(new)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise EngineError(f"the writable layer could not be copied: {result.stderr.strip()}")
