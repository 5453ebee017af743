# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done to containers: observe, diagnose, plan, execute, report.

May import ``_agents``, ``_engine``, ``_host``, ``_catalog`` and ``_base``; never ``_mirror``.
"""
