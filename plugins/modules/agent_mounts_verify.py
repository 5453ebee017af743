#!/usr/bin/python
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What it does besides looking is in plugins/action/agent_mounts_verify.py: it runs on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_mounts_verify
author:
  - The agentops.credentials maintainers (@agentops)
short_description: Require that every agent can work now
version_added: 1.0.0
description:
  - Looks as M(agentops.credentials.agent_mounts_info) does, shows a line for each agent, and fails if one cannot work
    now, or if that is not proven.
  - The playbook C(agentops.credentials.verify) does this on every host.
extends_documentation_fragment:
  - agentops.credentials.attributes
  - agentops.credentials.engine
options:
  allow_absent:
    description: Whether an agent without a container is no problem. That none at all was proven to work is one still.
    type: bool
    default: false
  mirror_timeout:
    description:
      - Seconds to look again, where the mirror has not yet seen the login as it is now. V(0) looks once.
    type: int
    default: 0
attributes:
  diff_mode:
    support: none
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
seealso:
  - module: agentops.credentials.agent_mounts_info
"""

EXAMPLES = r"""
- name: Require that the agents can work
  agentops.credentials.agent_mounts_verify:
    path: /home/dev/claude-hooks/config/agents.json
    home: /home/dev
    mirror_timeout: 30
"""

RETURN = r"""
msg:
  description:
    - What was seen, a line for each agent; the summary; and a sentence for each problem.
    - A text if nothing could be looked at.
  returned: always
  type: list
  elements: str
"""
