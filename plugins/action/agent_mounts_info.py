# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same as for agent_mounts."""

from __future__ import annotations

from ansible_collections.agentops.credentials.plugins.action import agent_mounts
from ansible_collections.agentops.credentials.plugins.plugin_utils.role_options import LOOK


class ActionModule(agent_mounts.ActionModule):
    """The action of agent_mounts_info."""

    module = "agentops.credentials.agent_mounts_info"
    role_options = LOOK
    needs_agents = False
