# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the report on the controller: no connection is made, no user is changed, and no text of a host is templated."""

from __future__ import annotations

import datetime
import glob
import json
import os
import socket
import tempfile
from typing import Any, Iterator, Mapping

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.agentops.credentials.plugins.module_utils._report import fleet
from ansible_collections.agentops.credentials.plugins.module_utils._report.page import page


def looked_at(hosts: list[str], hostvars: Mapping[str, Any], now: datetime.datetime) -> Iterator[fleet.HostSeen]:
    """What the role's entry point ``report`` has registered of each host."""
    for host in hosts:
        variables = hostvars[host]
        user = ""
        for name in ("agent_containers_user", "creds_mirror_user"):
            try:
                user = user or str(variables.get(name) or "")
            except Exception:  # whatever its template lacks, the name is but for a host that does not answer
                user = ""
        yield fleet.seen(_name(host), user, variables.get("agent_containers_verified"), now)


def _name(host: str) -> str:
    """A host's name in the report: ``localhost``, which is this machine, must not be taken for that of another one."""
    return socket.gethostname() if host in ("localhost", "127.0.0.1", "::1") else host


def merged(patterns: list[str]) -> Iterator[fleet.HostSeen]:
    """The hosts of JSON files that other runs have written. Raises AnsibleActionFail."""
    for pattern in patterns:
        paths = sorted(glob.glob(os.path.expanduser(pattern)))
        if not paths:
            raise AnsibleActionFail(f"merge: there is no file {pattern}.")
        for path in paths:
            try:
                with open(path, encoding="utf-8") as file:
                    yield from fleet.merged(json.load(file))
            except (OSError, ValueError, RecursionError) as error:
                # Whose file it is, is of no importance: a host whose report is broken is one that needs a person.
                at = "1970-01-01T00:00:00Z"
                yield fleet.HostSeen(os.path.basename(path), "", at, False, f"its report cannot be read: {error}", ())


def write(path: str, content: str) -> None:
    """Wholly or not at all: a web server or a person may be reading the last one."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    descriptor, new = tempfile.mkstemp(prefix=".report.", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(new, 0o666 & ~umask)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


class ActionModule(ActionBase):
    """The action of fleet_report."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = True  # once, whatever the number of hosts
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(
            {
                "hosts": {"type": "list", "elements": "str", "default": []},
                "merge": {"type": "list", "elements": "str", "default": []},
                "json": {"type": "path"},
                "html": {"type": "path"},
                "warning_days": {"type": "float", "default": 3},
                "stale_hours": {"type": "float", "default": 26},
                "allow_absent": {"type": "bool", "default": False},
            }
        )
        now = datetime.datetime.now(datetime.timezone.utc)
        seen = [*merged(given["merge"]), *looked_at(given["hosts"], task_vars["hostvars"], now)]
        told = fleet.report(
            seen, fleet.Settings(now, given["warning_days"], given["stale_hours"], given["allow_absent"])
        )
        files = {
            "json": json.dumps(told.document(), indent=1) + "\n",
            "html": page(told),
        }
        for kind, content in files.items():
            if given[kind] and not self._task.check_mode:
                try:
                    write(given[kind], content)
                except OSError as error:
                    raise AnsibleActionFail(f"{kind}: the report cannot be written: {error}.") from error
        result.update(
            changed=False, table=fleet.table(told), sentence=told.sentence, needs_a_person=told.needs_a_person
        )
        return result
