# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's writable layer: what of it a recreation would lose, and the image that can hold it. Pure."""

from __future__ import annotations

from typing import Iterable

from .._base.paths import is_below, normalise
from .._engine.documents import UNLESS_STOPPED, Container
from .options import Options
from .recreation_facts import RecreationFacts

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
RUNTIME = ("/run", "/var/run")
"""There sockets, pid files, locks and empty directories need not be kept, if that is asked for; all else counts."""
_TEMPORARY = ("/tmp", "/var/tmp", "/var/cache")  # noqa: S108 (names in a container)
_SECRETS = ("/run/secrets",)
FIXED = "fixed"
"""The kind of a file that nobody may write."""
_TRANSIENT = ("socket", "pipe", "directory", "gone")
_MOST_LOOKS = 200
_COMMITTED = "agentops-carried"
"""The repository of the images that hold writable layers which could not be copied."""
_STOPPED = "-stopped"
_UNLESS_STOPPED = f"-{UNLESS_STOPPED}"
_STATES = ("", _STOPPED, _UNLESS_STOPPED)


def lost_files(facts: RecreationFacts, options: Options) -> tuple[str, ...]:
    """What the container has written that a recreation would lose, and somebody would miss."""
    lost, _dropped = _written(facts, options)
    return lost


def dropped_files(facts: RecreationFacts, options: Options) -> tuple[str, ...]:
    """What else it has written: the option says that it need not be kept."""
    _lost, dropped = _written(facts, options)
    return dropped


def is_carried(facts: RecreationFacts, options: Options, is_alone: bool) -> bool:
    """Whether the writable layer is to be kept. With it comes what need not be kept, where that is not refused."""
    lost, dropped = _written(facts, options)
    can_be = is_alone or not facts.layer_obstacle
    return options.writable_layer == "carry" and bool(lost or (dropped and can_be))


def _written(facts: RecreationFacts, options: Options) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ignored = [place for path in options.writable_layer_ignore for place in _places(normalise(path))]
    kept = [place for path in (*_SECRETS, *facts.homes) for place in _places(path)]
    lost: list[str] = []
    dropped: list[str] = []
    for path in layer_changes(facts.container, facts.changed_paths, facts.own_links):
        is_ignored = _is_ignored(path, ignored, kept, facts.kinds.get(path))
        (dropped if is_ignored else lost).append(path)
    return tuple(lost), tuple(dropped)


def _is_ignored(path: str, ignored: Iterable[str], kept: Iterable[str], kind: str | None) -> bool:
    roots = [root for root in ignored if _is_in(path, root)]
    if not roots:
        return False
    place = max(roots, key=len)
    if any(_is_in(path, home) and not is_below(place, home) for home in kept):
        return False
    if kind == FIXED and place in (*RUNTIME, *_TEMPORARY):
        return False
    return place not in RUNTIME or kind in _TRANSIENT or _is_lock(path)


def _is_in(path: str, root: str) -> bool:
    return path == root or is_below(path, root)


def _is_lock(path: str) -> bool:
    """Whether a file is, by its name, one that says that a process runs."""
    name = path.rsplit("/", 1)[-1]
    return name.endswith((".pid", ".lock", ".lck")) or name in ("pid", "lock") or "/lock/" in path


def looked_at(container: Container, changed_paths: Iterable[str]) -> tuple[str, ...]:
    """What must be looked at, for its kind decides whether somebody would miss it.

    In the directories of a running system that is everything. Elsewhere compose may have put its secrets and configs,
    as files that nobody may write.
    """
    is_of_compose = "com.docker.compose.service" in container.labels
    places = (*RUNTIME, *_TEMPORARY) if is_of_compose else RUNTIME
    found = [path for path in layer_changes(container, changed_paths, ()) if any(_is_in(path, one) for one in places)]
    return tuple(path for path in found if not _is_lock(path))[:_MOST_LOOKS]


def layer_changes(container: Container, changed_paths: Iterable[str], links: Iterable[str]) -> tuple[str, ...]:
    """Those of ``changed_paths`` that a recreation would lose.

    Mount points, links of ours and their parent directories do not count, and no working directory that is empty: the
    engine makes it where the image has none.
    """
    ours = [mount.target for mount in (*container.mounts, *container.memory_mounts)]
    made = container.working_directory
    paths = set(changed_paths)
    ours = [place for path in (*_ENGINE_FILES, *ours, *links) for place in _places(path)]
    parents = {parent for path in (*paths, *ours, made) for parent in _parents(path)}
    return tuple(sorted(path for path in paths - parents - {made} if not any(_is_in(path, root) for root in ours)))


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
    name = image.rpartition("/")[2]  # podman puts a registry before it
    tag, found, state = name.rpartition(f"-{container_id[:12]}")
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
