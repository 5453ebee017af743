# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look for misspelt variables of the role before the module runs, and tell its variables in place of options."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import (
    in_words_of_the_role,
    is_in_role,
    misspelt_in_role,
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        fault = misspelt_in_role(task_vars)
        if fault:
            return {**result, "failed": True, "msg": fault}
        result.update(self._execute_module(task_vars=task_vars))
        if not is_in_role(task_vars):
            return result
        return in_words_of_the_role(result, self._task.args.keys(), "creds_mirror")
