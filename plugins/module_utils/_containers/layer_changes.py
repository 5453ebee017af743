# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's writable layer: what of it a recreation would lose, and the image that can hold it. Pure."""

from __future__ import annotations

from typing import Iterable

from .._base.paths import is_below, normalise
from .._engine.documents import UNLESS_STOPPED, Container
from .observed import RecreationFacts
from .options import Options

_ENGINE_FILES = ("/.dockerenv", "/dev", "/sbin/docker-init")
"""What the engine itself puts into a writable layer."""
_USUAL_LINKS = (
    ("/bin", "/usr/bin"),
    ("/sbin", "/usr/sbin"),
    ("/sbin", "/usr/bin"),
    ("/lib", "/usr/lib"),
    ("/var/run", "/run"),
)
"""Directories that are links in most images: what is mounted below one is listed where it leads to."""
_COMMITTED = "agentops-carried"
"""The repository of the images that hold writable layers which could not be copied."""
_STOPPED = "-stopped"
_UNLESS_STOPPED = f"-{UNLESS_STOPPED}"
_STATES = ("", _STOPPED, _UNLESS_STOPPED)


def lost_files(facts: RecreationFacts, link: str | None, options: Options) -> tuple[str, ...]:
    """What the container has written that a recreation would lose."""
    return layer_changes(facts.container, facts.changed_paths, link, options.writable_layer_ignore)


def layer_changes(
    container: Container, changed_paths: Iterable[str], link: str | None, ignored: Iterable[str]
) -> tuple[str, ...]:
    """Those of ``changed_paths`` that a recreation would lose.

    Mount points, the link of the placement, their parent directories and ``ignored`` trees do not count,
    and no working directory that is empty: the engine makes it where the image has none.
    """
    ours = [mount.target for mount in (*container.mounts, *container.memory_mounts)] + ([link] if link else [])
    made = container.working_directory
    paths = set(changed_paths)
    ours = [place for path in (*_ENGINE_FILES, *ours) for place in _places(path)]
    roots = [*(normalise(path) for path in ignored), *ours]
    parents = {parent for path in (*paths, *ours, made) for parent in _parents(path)}
    return tuple(
        sorted(
            path for path in paths - parents - {made} if not any(path == root or is_below(path, root) for root in roots)
        )
    )


def _places(path: str) -> list[str]:
    """Where the engine may list what lies at ``path``."""
    return [path] + [real + path[len(link) :] for link, real in _USUAL_LINKS if is_below(path, link)]


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts))]


def committed_image(container: Container) -> str:
    """What the image is called that holds the writable layer of a container; it says how that was to run.

    A container's name is a valid tag of an image, but may be longer than one.
    """
    state = _STOPPED if not container.is_running else ""
    if container.is_running and container.restart_policy.get("Name") == UNLESS_STOPPED:
        state = _UNLESS_STOPPED
    return f"{_committed_tag(container.name, container.id)}{state}"


def committed_images(name: str, container_id: str) -> tuple[str, ...]:
    """What it may be called, where it is not known how the container was to run."""
    return tuple(_committed_tag(name, container_id) + state for state in _STATES)


def _committed_tag(name: str, container_id: str) -> str:
    return f"{_COMMITTED}:{name[:100]}-{container_id[:12]}"


def _committed_state(image: str, container_id: str) -> str | None:
    tag, found, state = image.rpartition(f"-{container_id[:12]}")
    return state if tag.startswith(f"{_COMMITTED}:") and found and state in _STATES else None


def is_committed_from(image: str, container_id: str) -> bool:
    """Whether ``image`` is the name of one that holds the writable layer of ``container_id``."""
    return _committed_state(image, container_id) is not None


def is_of_stopped(image: str, container_id: str) -> bool:
    """Whether it holds the layer of a container that did not run."""
    return _committed_state(image, container_id) == _STOPPED


def is_of_unless_stopped(image: str, container_id: str) -> bool:
    """Whether it holds the layer of a container that ran, with this restart policy."""
    return _committed_state(image, container_id) == _UNLESS_STOPPED
