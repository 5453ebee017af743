# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How containers hold on to each other. Pure."""

from __future__ import annotations

from .._engine.documents import Container

_NAMESPACE_WORDS = {"NetworkMode": "network", "PidMode": "process", "IpcMode": "ipc"}


def uses(container: Container, owner: Container) -> tuple[str, ...]:
    """How ``container`` holds on to ``owner`` by its id: it breaks when that is replaced."""
    ways = tuple(
        f"its {_NAMESPACE_WORDS[name]} namespace"
        for name, other in container.namespaces.items()
        if other in (owner.id, owner.name)
    )
    return (*ways, "a link") if is_linked(container, owner) else ways


def is_linked(container: Container, owner: Container) -> bool:
    """Whether ``container`` has a legacy link to ``owner``."""
    return owner.name in container.linked_names


def owners(container: Container) -> frozenset[str]:
    """Ids of the containers whose namespaces ``container`` uses; without them it cannot start."""
    return frozenset(container.namespaces.values())
