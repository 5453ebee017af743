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
  catalog:
    description: Rows to override or to add, as a dictionary from name to fields.
    version_added: 0.2.0
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Where does claude keep its credentials?
  ansible.builtin.debug:
    msg: "{{ lookup('agentops.credentials.agent_catalog', 'claude').source }}"

- name: Which agent CLIs are known?
  ansible.builtin.debug:
    msg: "{{ query('agentops.credentials.agent_catalog') | map(attribute='name') }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each agent CLI asked for, in the order asked.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.agentops.credentials.plugins.module_utils._catalog import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._cli import as_dict, extended
from ansible_collections.agentops.credentials.plugins.module_utils._errors import ConfigError


class LookupModule(LookupBase):
    """Rows of the catalogue as dictionaries."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        try:
            catalog = extended(CATALOG, self.get_option("catalog"))
        except ConfigError as error:
            raise AnsibleLookupError(str(error)) from error
        unknown = [term for term in terms if term not in catalog]
        if unknown:
            raise AnsibleLookupError(
                f"no agent CLI is named {', '.join(map(repr, unknown))}; the catalogue has {', '.join(catalog)}"
            )
        return [as_dict(catalog[term]) for term in terms or catalog]
