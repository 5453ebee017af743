# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine: its client, what it reports as values, and the writable layers of its containers.

May import ``_base``. Only ``client`` imports the Docker SDK.
"""
