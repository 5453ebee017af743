#!/usr/bin/python
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: creds_mirror
author:
  - The agentops.credentials maintainers (@agentops)
short_description: Mirror a user's logins of agent CLIs into directories that agent containers can mount
version_added: 0.1.0
description:
  - Makes the credentials directories of a user, installs the mirror program, and the systemd units that start it
    whenever a login changes.
  - It is the whole work of the role P(agentops.credentials.creds_mirror#role), which is the way to use it.
  - What lies in the user's home is touched with that user's rights only, except that root makes him the owner of a
    directory that an engine has made there.
extends_documentation_fragment:
  - agentops.credentials.attributes
attributes:
  diff_mode:
    support: full
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
options:
  program:
    description: The text of the mirror program.
    type: str
    required: true
  start:
    description: The text of what starts the mirror program from its byte code.
    version_added: 0.2.0
    type: str
    required: true
  user:
    description:
      - Whose logins are mirrored. The user who runs the module if left out or empty.
      - Another user than that needs root.
    type: str
  state:
    description:
      - V(present) installs the mirrors, V(absent) removes them with their credentials directories.
      - The logins themselves are never touched. Lingering of the user is left on.
    type: str
    choices: [present, absent]
    default: present
  scope:
    description:
      - V(user) uses the user's own systemd, V(system) the host's, with services that run as the user.
      - The units of the other scope are removed.
    type: str
    choices: [user, system]
    default: user
  clis:
    description: The agent CLIs whose logins are mirrored.
    type: list
    elements: str
    default: [claude]
  place:
    description:
      - Where the credentials directories lie. V(home) puts them below O(root).
      - V(system) puts them below C(/var/lib/agentops-credentials/USER), where every parent directory is root's. It
        needs root. It is the choice for a user who may not use root's engine, since in his home he can redirect a
        mount at its container's next start.
      - The directories are moved from the other place, so that what has them mounted goes on seeing the login. A link
        stays at the former path until no container has it mounted (M(agentops.credentials.agent_mounts) removes it).
    version_added: 1.0.0
    type: str
    choices: [home, system]
    default: home
  root:
    description: The directory that holds the credentials directories with O(place=home).
    type: str
    default: ~/.config/claude-hooks
  sources:
    description: Credential files that lie elsewhere than their agent CLI's usual place, by the CLI's name.
    type: dict
    default: {}
  publish:
    description:
      - V(access_only) publishes only what the agent CLI needs to make requests, without its refresh token.
      - V(full) publishes the file as it is.
    type: str
    choices: [access_only, full]
    default: access_only
  readers:
    description: Who may read the published file in addition to its owner, by the host's numbers.
    type: dict
    default: {}
    suboptions:
      uids:
        description: User ids.
        type: list
        elements: int
        default: []
      gids:
        description: Group ids.
        type: list
        elements: int
        default: []
  on_logout:
    description: What to do when the credential file is gone. V(keep) what is published, or V(withdraw) it.
    type: str
    choices: [keep, withdraw]
    default: keep
  logout_grace:
    description: For so many seconds the credential file must be gone until it counts as a logout.
    type: int
    default: 60
  keep_warm:
    description:
      - Let the agent CLI renew its own login shortly before it ends, where a client that can do it is on the host.
      - A CLI whose client cannot renew its login without a request to the model is left alone.
    type: bool
    default: true
  keep_warm_environment:
    description:
      - Variables for the client that renews the login, such as E(HTTPS_PROXY) and E(NODE_EXTRA_CA_CERTS).
      - Their values stand in a file; one with a password belongs in the user's C(~/.config/environment.d).
    version_added: 1.0.0
    type: dict
    default: {}
  notify:
    description:
      - A command, with its arguments, that is run as the user when the state of a login gets worse, and when it is
        good again. It gets a JSON object on its standard input, without a secret.
      - It stands in a file, which others can read with O(scope=system), and in the output at C(-vvv); what of it is
        secret, such as a webhook's address, belongs in a script of the user's.
      - It runs once for each change, and is tried again until it ends with status 0.
    version_added: 1.0.0
    type: list
    elements: str
    default: []
  metrics_directory:
    description:
      - A directory of root's, below which each user has a directory for what Prometheus' node_exporter reads there with
        its textfile collector; nobody has to read a home for that. It is written each minute.
      - Without root, a directory of the user's own. Nothing is written if it is empty.
    version_added: 1.0.0
    type: str
    default: ""
  guard_directory:
    description:
      - Guard each credentials directory by a mount on it, so that it cannot be removed, renamed or replaced while
        containers hold it.
      - It needs root. With O(place=home) the directories above it can still be moved, and the guard is refused if the
        user may not use root's engine, or if the way to the directory leads through a link or another user's directory.
        With O(place=system) nobody but root can remove the directory.
    version_added: 0.2.0
    type: bool
    default: false
  catalog:
    description:
      - Rows of the catalogue of agent CLIs to override or to add, as a dictionary from name to fields. The fields are
        those which P(agentops.credentials.agent_catalog#lookup) returns.
    version_added: 0.2.0
    type: dict
    default: {}
  foreign_files:
    description:
      - What to do with other files in a credentials directory. V(refuse) the run, or V(move_aside) to a directory
        next to it.
    type: str
    choices: [refuse, move_aside]
    default: refuse
"""

EXAMPLES = r"""
- name: Mirror the login of the user dev
  agentops.credentials.creds_mirror:
    program: "{{ lookup('ansible.builtin.file', 'creds_mirror.py', rstrip=false) }}"
    start: "{{ lookup('ansible.builtin.file', 'start.py', rstrip=false) }}"
    user: dev
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, one line each.
  returned: success
  type: list
  elements: str
mirrors:
  description: One dictionary for each agent CLI, by its name.
  returned: success and O(state=present)
  type: dict
  contains:
    source:
      description: Path of the credential file.
      type: str
    directory:
      description: The credentials directory.
      type: str
    login:
      description: Whether the credential file is there.
      type: bool
    refusal:
      description: Why the mirror does not publish what the credential file holds now, or V(none).
      type: str
    sandbox:
      description: Whether the services run in mount namespaces of their own.
      type: bool
    life:
      description:
        - The life of the login, C(state), C(sentence) and C(well), at most a minute old.
        - V(none) before the mirror has looked.
      type: dict
    client:
      description: The program that renews the login, or V(none).
      type: str
    no_client:
      description: Why there is none, or V(none). Nothing is said of a login that has no known end.
      type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import AgentMountsError
from ansible_collections.agentops.credentials.plugins.module_utils._base.printable import printable_data
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.mirror_paths import MIRROR_ROOT, PLACES
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import fault_of
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import run
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import SCOPES


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "str", "required": True},
            "start": {"type": "str", "required": True},
            "user": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "scope": {"type": "str", "choices": list(SCOPES), "default": "user"},
            "clis": {"type": "list", "elements": "str", "default": ["claude"]},
            "place": {"type": "str", "choices": list(PLACES), "default": "home"},
            "root": {"type": "str", "default": MIRROR_ROOT},
            "sources": {"type": "dict", "default": {}},
            "publish": {"type": "str", "choices": ["access_only", "full"], "default": "access_only"},
            "readers": {
                "type": "dict",
                "default": {},
                "options": {
                    "uids": {"type": "list", "elements": "int", "default": []},
                    "gids": {"type": "list", "elements": "int", "default": []},
                },
            },
            "on_logout": {"type": "str", "choices": ["keep", "withdraw"], "default": "keep"},
            "logout_grace": {"type": "int", "default": 60},
            "keep_warm": {"type": "bool", "default": True},
            "keep_warm_environment": {"type": "dict", "default": {}, "no_log": True},  # a proxy's may have a password
            "notify": {"type": "list", "elements": "str", "default": []},
            "metrics_directory": {"type": "str", "default": ""},
            "guard_directory": {"type": "bool", "default": False},
            "catalog": {"type": "dict", "default": {}},
            "foreign_files": {"type": "str", "choices": ["refuse", "move_aside"], "default": "refuse"},
        },
        supports_check_mode=True,
    )
    changes = Changes(module.check_mode)
    # Not the programs, which Ansible would have come back from each host to the controller.
    asked = {name: value for name, value in module.params.items() if name not in ("program", "start")}
    os.umask(0o022)
    try:
        mirrors = run.run(module.params, changes)
    except (AgentMountsError, OSError) as error:
        fault = fault_of(error) if isinstance(error, OSError) else str(error)
        module.fail_json(
            msg=printable_data(fault), changes=printable_data(changes.changes), invocation={"module_args": asked}
        )
    for warning in changes.warnings:
        module.warn(printable_data(warning))
    result = {"changes": changes.changes, "mirrors": mirrors, "diff": changes.diff}
    module.exit_json(changed=bool(changes.changes), invocation={"module_args": asked}, **printable_data(result))


if __name__ == "__main__":
    main()
