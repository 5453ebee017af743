# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the agents' configuration asks for: parsed, placed in a container, and made on the host.

May import the values of ``_engine``, ``_host``, ``_catalog`` and ``_base``. Pure, but for ``provide``.
"""
