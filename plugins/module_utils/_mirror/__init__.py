# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side: what a mirror consists of, and how a host is brought to it.

May import ``_host``, ``_catalog`` and ``_base``; never ``_agents`` or ``_containers``.
"""
