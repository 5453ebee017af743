# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mirror's installation: what it consists of on its host, and how the host is brought to that.

May import ``_host``, ``_catalog`` and ``_base``; never ``_agents``, ``_engine`` or ``_containers``.
"""
