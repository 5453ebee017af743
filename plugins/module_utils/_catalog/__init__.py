# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of each agent CLI: rows of data, the user's overrides, and where a mirror of one publishes.

May import ``_base``. Pure.
"""
