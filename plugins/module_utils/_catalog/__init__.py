# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

<<<<<<< HEAD
"""What is known of each agent CLI: rows of data, the user's overrides, and where a mirror of one publishes.
=======
"""The catalogue of agent CLIs: its rows, the user's own rows over them, and where a login is published.
>>>>>>> main

May import ``_base``. Pure.
"""
