#!/usr/bin/python
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_mounts_info
author:
  - The agentops.credentials maintainers (@agentops)
short_description: Tell which credential each agent container sees now
version_added: 0.1.0
description:
  - Looks at the agents' containers as M(agentops.credentials.agent_mounts) does, and changes nothing.
  - Tells by inode and fingerprint, out of the container's own mount namespace, whether its process sees the
    credential that is published on the host. A fingerprint is the first 12 hexadecimal digits of the file's SHA-256.
  - No token is returned.
options:
  mirror_timeout:
    description:
      - Seconds to look again, where the mirror has not yet seen the login as it is now. V(0) looks once.
    type: int
    default: 0
    version_added: 1.0.0
extends_documentation_fragment:
  - agentops.credentials.attributes
  - agentops.credentials.engine
attributes:
  diff_mode:
    support: none
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
seealso:
  - module: agentops.credentials.agent_mounts
"""

EXAMPLES = r"""
- name: Look at the agents
  agentops.credentials.agent_mounts_info:
    path: /home/dev/claude-hooks/config/agents.json
    home: /home/dev
    mirrored:
      /home/dev/.claude/.credentials.json: /home/dev/.config/claude-hooks/claude-credentials
  register: agents

- name: No agent may be stale
  ansible.builtin.assert:
    that: agents.agents.values() | rejectattr('fresh') | length == 0
"""

RETURN = r"""
unused_logins:
  description: The logins that a mirror publishes and no agent uses.
  returned: when the configuration could be read
  type: list
  elements: dict
  contains:
    cli:
      description: Name of the agent CLI.
      type: str
    directory:
      description: The credentials directory.
      type: str
    published:
      description: As C(published) of RV(agents), C(fingerprint) and C(expires_at).
      type: dict
    mirror:
      description: The state that the mirror keeps, as C(mirror) of RV(agents).
      type: dict
summary:
  description: How many agents can work now, and how the others stand, by name.
  returned: success
  type: str
  sample: "3 of 4 agents can work now; absent: reviewer."
user:
  description: The host's user whose login the agents use.
  returned: success
  type: str
  sample: dev
asked_readers:
  description:
    - What V(auto) stands for in C(creds_mirror_readers), as C(uids) and C(gids). The uids, in the host's numbers, of
      those as whom C(Config.User) or C(container.remote_user) says that agents run, and who may read the logins
      already. None that is another person's of the host or among another user's subordinate ids.
  returned: success
  type: dict
  sample: {"uids": [12345], "gids": []}
agents:
  description: One dictionary for each agent, by its name.
  returned: success
  type: dict
  contains:
    failed:
      description: Whether this agent is not served. The module fails at its end if that is so for any.
      type: bool
    failure:
      description: Why, and how to fix it. V(none) unless C(failed). An agent whose entry has a fault has no other keys.
      type: str
    container:
      description: Name of the agent's container.
      type: str
      sample: boss
    cli:
      description: The agent CLI.
      type: str
      sample: claude
    mode:
      description: V(mirror) or V(shared).
      type: str
    reload:
      description: >-
        When a running process of the agent CLI uses a new login, V(request) (at its next request), V(rejected) (after
        the server has answered 401) or V(process) (never, only a new process does).
      type: str
    shares_login_with:
      description: The other agents whose containers can write the same login, and so refresh it.
      type: list
      elements: str
    state:
      description: State of the container as the engine tells it, or V(absent).
      type: str
      sample: running
    started_at:
      description: When the container was started.
      type: str
    verdict:
      description: >-
        One of V(ok), V(file_mount), V(wrong_source), V(writable), V(missing), V(stale), V(absent).
      type: str
      sample: ok
    reasons:
      description: Why the verdict is what it is.
      type: list
      elements: str
    fresh:
      description: >-
        Whether the agent CLI in the container opens the published credential. V(null) if that is not proven.
      type: bool
    directory:
      description: The credentials directory on the host, symbolic links resolved.
      type: str
    directory_inode:
      description: Its inode.
      type: int
    target:
      description: Where the container shows it, or is to show it.
      type: str
    mounts:
      description: The container's mounts.
      type: list
      elements: dict
    published:
      description: The published credential on the host.
      type: dict
      contains:
        path:
          description: The file.
          type: str
        inode:
          description: Its inode. V(null) if there is none.
          type: int
        fingerprint:
          description: Its fingerprint.
          type: str
          sample: 3fd4a0c2b1e9
        expires_at:
          description: When its access token ends, in UTC.
          type: str
          sample: "2026-01-31T08:00:00Z"
    inside:
      description: What the container's process sees. V(null) if it does not run or that is not proven.
      type: dict
      contains:
        path:
          description: The credential file that was looked at. A file mount, where there is one.
          type: str
        directory_inode:
          description: Inode of the directory at the target.
          type: int
        inode:
          description: Inode of the credential file.
          type: int
        fingerprint:
          description: Its fingerprint.
          type: str
        read_only:
          description: Whether the mount is read-only.
          type: bool
        link:
          description: >-
            The state of the link in its user's home, V(ok), V(missing), V(file), V(link), V(other) or V(elsewhere).
            V(null) where none is needed.
          type: str
    readers:
      description:
        - Who runs the agent CLI in the container, the file that it opens by its environment, and whether it can read
          that. The processes that run it count, else whoever would be started in the container as its user or a
          devcontainer's, and the main process where that was started with another user or other variables. Empty
          where this is not known, which takes root.
      type: list
      elements: dict
      contains:
        uid:
          description: Its uid, in the host's numbers.
          type: int
        gid:
          description: Its gid, in the host's numbers.
          type: int
        command:
          description: The name of its program. Empty for one that would be started.
          type: str
        path:
          description: The file in the container.
          type: str
        found:
          description: What is there, where it is not the published login, or V(none).
          type: str
        masks:
          description: The variables in its environment that mask the login.
          type: list
          elements: str
        obstacle:
          description: Why it cannot read the login, or V(none).
          type: str
        advice:
          description: How it can, or V(none).
          type: str
    asked_uid:
      description: >-
        The uid on the host of whom the operator has said to start the agent CLI as. V(none) if that is not known, or
        it is root, who can read the login anyhow.
      type: int
    elsewhere:
      description: >-
        Of an agent whose container the engine does not have, the address of another engine on the host that has one of
        that name.
      type: str
    idle_status:
      description: >-
        Exit status of C(container.only_when_idle), where a run of M(agentops.credentials.agent_mounts) would ask it.
      type: int
    exposed:
      description:
        - Where the host's login itself, with its refresh token, is in the container's reach, a sentence each.
      type: list
      elements: str
    accept_exposure:
      description: Whether the agent's C(container.accept_exposure) lets that pass.
      type: bool
    standing:
      description:
        - Whether the agent can work now. V(works), V(fails), V(deferred), V(not_proven), V(stopped) or V(absent).
      type: str
    judgement:
      description: Why it cannot and what to do, or what is to be known of its login.
      type: str
    mirror:
      description: The state that the mirror keeps of its last publication and refusal. V(null) if there is none.
      type: dict
      contains:
        current:
          description: Whether the mirror has seen the source as it is now, by its inode.
          type: bool
        life:
          description: The life of the login, C(state), C(sentence) and C(well), as the mirror has last seen it.
          type: dict
    warnings:
      description: What should be known of this agent.
      type: list
      elements: str
"""

import datetime
import functools
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import AgentMountsError
from ansible_collections.agentops.credentials.plugins.module_utils._base.printable import printable_data
from ansible_collections.agentops.credentials.plugins.module_utils._containers import inspect_agents, isolation
from ansible_collections.agentops.credentials.plugins.module_utils._containers.info import info
from ansible_collections.agentops.credentials.plugins.module_utils._containers.judgement import judge, summary
from ansible_collections.agentops.credentials.plugins.module_utils._containers.options import Options
from ansible_collections.agentops.credentials.plugins.module_utils._containers.plan import AgentPlan
from ansible_collections.agentops.credentials.plugins.module_utils._containers.prove import prove, unused_logins


def _look(module: AnsibleModule) -> dict[str, Any]:
    """What to return, which is plain data."""
    request = _agents_module.request(module, Options())
    host = _agents_module.host_of(request.context.home)
    api = _agents_module.engine(module)
    seen = inspect_agents.inspect_agents(request, api, host)

    absent = {plan.observed.spec.container for plan in seen.agents if plan.observed.container is None}
    elsewhere = _agents_module.in_other_engines(module, absent)
    judged = {}

    def look(plan: AgentPlan) -> dict[str, Any]:
        others = seen.shares_login_with.get(plan.agent, ())
        seen_now = info(plan, prove(api, host, plan), others, elsewhere.get(plan.observed.spec.container))
        judgement = judged[plan.agent] = judge(seen_now, datetime.datetime.now(datetime.timezone.utc))
        return {**seen_now, "standing": judgement.standing.value, "judgement": judgement.of(plan.agent)}

    agents = {plan.agent: seen.failures.attempt(plan.agent, functools.partial(look, plan)) for plan in seen.agents}
    user = _agents_module.user_of(request.context.home)
    failures = seen.failures.sentences
    return {
        "changed": False,
        "agents": isolation.with_failures(agents, failures),
        "unused_logins": unused_logins(host, request.context, request.config.agents),
        "user": user.name,
        "summary": summary(judged, len({*failures} - {*judged})),
        "asked_readers": inspect_agents.asked_readers(seen.agents, host, user.uid),
    }


_PAUSE_SECONDS = 0.5


def _look_until_mirrored(module: AnsibleModule) -> dict[str, Any]:
    end = time.monotonic() + module.params["mirror_timeout"]
    while True:
        seen = _look(module)
        mirrors = [agent.get("mirror") for agent in seen["agents"].values()]
        if all(mirror is None or mirror["current"] for mirror in mirrors) or time.monotonic() >= end:
            return seen
        time.sleep(_PAUSE_SECONDS)


def main() -> None:
    module = _agents_module.make_module(mirror_timeout={"type": "int", "default": 0})
    _agents_module.require_sdk(module)
    try:
        returned = printable_data(_agents_module.with_rights_of_engine(module, lambda: _look_until_mirrored(module)))
    except AgentMountsError as error:
        module.fail_json(msg=printable_data(str(error)))
    message = isolation.failure_message(returned["agents"])
    if message:
        module.fail_json(msg=message, **returned)
    module.exit_json(**returned)


if __name__ == "__main__":
    main()
