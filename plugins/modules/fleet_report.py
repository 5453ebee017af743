#!/usr/bin/python
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What it does is in plugins/action/fleet_report.py: it runs on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
author:
  - The agentops.credentials maintainers (@agentops)
short_description: Tell on one page which login of which host needs a person
version_added: 1.0.0
description:
  - Makes one report of what the entry point C(report) of the role P(agentops.credentials.agent_containers#role) has
    seen on many hosts, and of JSON files that earlier reports have written.
  - Runs once, on the controller, and makes no connection. In check mode no file is written.
  - The playbook C(agentops.credentials.report) does all of it.
options:
  hosts:
    description: Names of the hosts of this run.
    type: list
    elements: str
    default: []
  merge:
    description:
      - Paths or patterns of JSON files that reports have written elsewhere, as by C(ansible-pull).
      - Of a user of a host that is in more than one of them, the last look counts.
    type: list
    elements: str
    default: []
  json:
    description: Path on the controller of the JSON file to write.
    type: path
  html:
    description: Path on the controller of the HTML page to write.
    type: path
  warning_days:
    description: So many days before a refresh token ends its login needs a person.
    type: float
    default: 3
  stale_hours:
    description: After so many hours without a look a host needs a person.
    type: float
    default: 26
  allow_absent:
    description: Whether an agent whose container does not exist needs nobody.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
"""

EXAMPLES = r"""
- name: Make one page of what the hosts have told
  agentops.credentials.fleet_report:
    merge: [/srv/reports/*.json]
    html: /srv/www/logins.html
  register: report
"""

RETURN = r"""
table:
  description: The report as lines of text, the first is the heading, the last is the sentence.
  returned: success
  type: list
  elements: str
sentence:
  description: One sentence that counts.
  returned: success
  type: str
  sample: "2 of 12 logins on 9 hosts need a person: 1 now, 1 soon."
needs_a_person:
  description: How many lines of the report need a person.
  returned: success
  type: int
"""
