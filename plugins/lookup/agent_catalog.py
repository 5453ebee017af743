# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: agent_catalog
author:
  - The agentops.credentials maintainers (@agentops)
short_description: What is known of each agent CLI
version_added: 0.1.0
description:
  - Returns the rows of the collection's catalogue of agent CLIs, where each keeps its credential file,
    which variables move it, and what the mirror publishes of it.
options:
  _terms:
    description: Names of agent CLIs. All of them if left out.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Where does claude keep its credentials?
  ansible.builtin.debug:
    msg: "{{ lookup('agentops.credentials.agent_catalog', 'claude').source }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each agent CLI asked for, in the order asked.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.agentops.credentials.plugins.module_utils._catalog import CATALOG, as_dict


class LookupModule(LookupBase):
    """Rows of the catalogue as dictionaries."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        unknown = [term for term in terms if term not in CATALOG]
        if unknown:
            raise AnsibleLookupError(
                f"no agent CLI is named {', '.join(map(repr, unknown))}; the catalogue has {', '.join(CATALOG)}"
            )
        return [as_dict(CATALOG[term]) for term in terms or CATALOG]
