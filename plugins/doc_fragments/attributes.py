# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes that all modules of this collection have."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
  platform:
    platforms: linux
    support: full
    description: Target OS/families that can be operated against.
"""
