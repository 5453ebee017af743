# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a container is called while it is being replaced. Pure."""

from __future__ import annotations

SUFFIX_NEW = ".am-new"
SUFFIX_OLD = ".am-old"
SUFFIX_PROBE = ".am-probe"
"""What a container is called while it is being replaced; no configured container may end so."""


def without_suffix(name: str) -> str:
    """The name of the container that is being replaced, of which a container with one of the names above is a part."""
    suffix = next((one for one in (SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE) if name.endswith(one)), "")
    return name[: len(name) - len(suffix)]
