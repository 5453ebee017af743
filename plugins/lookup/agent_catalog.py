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
  contains:
    name:
      description: Its name.
      type: str
    commands:
      description: Names of its program.
      type: list
      elements: str
    measured:
      description: The version on which the row was measured.
      type: str
    source:
      description: The credential file on the host, below the home directory.
      type: str
    credential:
      description: The credential file in the config directory.
      type: str
    file:
      description: Name of the published file in the credentials directory.
      type: str
    config_dir:
      description: The directory in which it keeps its state, below the home directory in the container.
      type: str
    config_dir_variable:
      description: The environment variable that moves that directory, or V(null).
      type: str
    config_dir_suffix:
      description: What comes below the value of that variable.
      type: str
    store_variable:
      description: The environment variable that moves the credential file alone, or V(null).
      type: str
    store_variable_since:
      description: The lowest version that knows this variable, or V(null).
      type: str
    placements:
      description: The placements that work, the default first.
      type: list
      elements: str
    limits:
      description: Versions that fail with a placement, each with C(placement), C(minimum) and C(effect).
      type: list
      elements: dict
    reload:
      description: When a running process uses a new login, V(request), V(rejected) or V(process).
      type: str
    reload_since:
      description: Versions below always need a new process, or V(null).
      type: str
    start:
      description: What must be done besides the mount, or V(null).
      type: str
    passwd:
      description: What fails for a uid without an entry in C(/etc/passwd), or V(null).
      type: str
    masking_variables:
      description: Environment variables that mask the mirrored login.
      type: list
      elements: str
    shared_dir:
      description: The directory that is mounted in mode shared, where that is the parent of C(config_dir), or V(null).
      type: str
    seeds:
      description: Files of a new shared auth directory, by name.
      type: dict
    mirror:
      description: >-
        How the mirror accepts and reduces the credential file. C(require) (one of these paths must hold a string),
        C(scopes), C(keep) (what is published, and nothing else: top-level keys with all below them, or paths with a dot
        to plain values), C(drop) and C(blank) (paths), C(refresh) (paths that may be published although a key is named
        like a refresh token), C(expires) and C(refresh_expires) (paths to a number, or to a JSON Web Token with the
        claim C(exp)), C(expires_unit) of the numbers (C(ms) or C(s)), C(comments), C(keep_warm) (the command that
        renews a login), C(keep_warm_since) (its lowest version), C(keep_warm_install) (how a user installs it),
        C(keep_warm_rejected) (what it prints when the refresh token is rejected) and C(keep_warm_variables) (its
        environment). Paths have dots; C(*) stands for any one key or item of a list.
      type: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.override import with_overrides
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG


class LookupModule(LookupBase):
    """Rows of the catalogue as dictionaries."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            catalog = with_overrides(CATALOG, self.get_option("catalog"))
        except ConfigError as error:
            raise AnsibleLookupError(str(error)) from error
        unknown = [term for term in terms if term not in catalog]
        if unknown:
            raise AnsibleLookupError(
                f"no agent CLI is named {', '.join(map(repr, unknown))}; the catalogue has {', '.join(catalog)}"
            )
        return [as_dict(catalog[term]) for term in terms or catalog]
