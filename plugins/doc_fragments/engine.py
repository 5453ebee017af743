# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes that the modules of this collection share."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - Path of the agents' configuration, C(agents.json), on the managed host.
      - Mutually exclusive with O(agents). One of the two is needed.
    type: path
  agents:
    description:
      - "The same as the value of the key C(agents) of C(agents.json): a dictionary from agent to its settings."
      - "Of each agent the dictionary C(container) is read, with C(name) (default: the agent's name),
        C(credentials_host_dir), or the old C(credentials_host_path), and optionally C(cli) (default: that of the
        agent's C(command), else C(claude)), C(mode), C(placement), C(force_placement), C(target), C(home), C(user),
        C(passwd) and C(only_when_idle). Other keys are left alone. docs/agents-json.md tells of each."
      - If C(credentials_host_path) is a source of O(mirrored), the directory which that source is mirrored to is meant,
        else the path's parent directory.
    type: dict
  mirrored:
    description:
      - The host's mirrors, as a dictionary from source to credentials directory. C(~) and C(~user) are expanded.
      - If it is left out, they are those that the role P(agentops.credentials.creds_mirror#role) makes with
        O(mirror_clis), O(mirror_place), O(mirror_root) and O(mirror_sources).
    type: dict
  mirror_clis:
    description: The agent CLIs whose logins are mirrored, as in the variable C(creds_mirror_clis).
    version_added: 1.0.0
    type: list
    elements: str
    default: [claude]
  mirror_place:
    description:
      - Where the credentials directories lie, as in the variable C(creds_mirror_place).
      - With V(system) the owner of O(home) names the directory.
    version_added: 1.0.0
    type: str
    choices: [home, system]
    default: home
  mirror_root:
    description:
      - The directory that holds the credentials directories, as in the variable C(creds_mirror_root). C(~/) stands for
        O(home).
    version_added: 1.0.0
    type: str
    default: ~/.config/claude-hooks
  mirror_sources:
    description: Agent CLI to credential file, where that is not at its usual place, as in C(creds_mirror_sources).
    version_added: 1.0.0
    type: dict
    default: {}
  home:
    description: The directory that C(~/) stands for in paths of the configuration. It may be written C(~user).
    type: str
    default: "~"
  catalog:
    description:
      - Rows of the catalogue of agent CLIs to override or to add, as a dictionary from name to fields. The fields are
        those which P(agentops.credentials.agent_catalog#lookup) returns.
    version_added: 0.2.0
    type: dict
    default: {}
  shared_root:
    description:
      - The directory on the host that holds the shared auth directories of agents with C(mode) V(shared), one for each
        agent CLI and each directory in the container.
      - That of parallel-code is C(~/.parallel-code/agent-auth).
      - With O(mirror_place=system) the default becomes C(/var/lib/agentops-credentials/USER/agent-auth).
    version_added: 0.2.0
    type: str
    default: ~/.local/share/agentops/agent-auth
  allowed_directories:
    description:
      - Directories of the host that the configuration may name, with all below them, next to those of the agents' user
        and the mirrors'. Whoever writes the configuration is trusted with his own files and nothing else.
    version_added: 1.0.0
    type: list
    elements: path
    default: []
  allowed_containers:
    description: Patterns, as of a shell, for the names of the containers that the configuration may name.
    version_added: 1.0.0
    type: list
    elements: str
    default: ["*"]
  allow_commands:
    description: Whether the configuration may have commands run in the containers (C(only_when_idle)).
    version_added: 1.0.0
    type: bool
    default: true
  trusted_writers:
    description:
      - Containers that may write the file O(path), because their agents work where it lies.
      - Such an agent decides which of the user's directories are mounted where; without this the run refuses.
    version_added: 1.0.0
    type: list
    elements: str
    default: []
  docker_host:
    description:
      - Where the Docker engine listens.
      - The environment variable E(DOCKER_HOST) is used if the option is not set. If that is not set either, it is the
        engine of root, C(unix:///var/run/docker.sock); or where nobody listens there, or it is not open to the user who
        runs the module, the rootless engine of the user whose home O(home) is, C(unix:///run/user/UID/docker.sock).
      - What is done for an engine that a user runs is done with that user's rights, also if the module runs as root. It
        must be the user whose home O(home) is.
    type: str
  tls:
    description:
      - Speak TLS to the engine without checking its certificate.
      - The environment variable E(DOCKER_TLS) is used if the option is not set.
    type: bool
    default: false
  validate_certs:
    description:
      - Speak TLS to the engine and check its certificate.
      - The environment variable E(DOCKER_TLS_VERIFY) is used if the option is not set.
    type: bool
    default: false
    aliases:
      - tls_verify
  ca_path:
    description: Path of the certificate authority's certificate, with O(validate_certs).
    type: path
  client_cert:
    description: Path of the client's certificate.
    type: path
  client_key:
    description: Path of the client's key.
    type: path
  timeout:
    description:
      - Seconds to wait for an answer of the engine.
      - The environment variable E(DOCKER_TIMEOUT) is used if the option is not set.
    type: int
    default: 60
attributes:
  action_group:
    description: Use C(group/agentops.credentials.agents) in C(module_defaults) to set defaults for these modules.
    support: full
    membership:
      - agentops.credentials.agents
requirements:
  - Docker SDK for Python 5.0.3 or newer on the managed host
  - Docker API 1.41 or newer
"""
