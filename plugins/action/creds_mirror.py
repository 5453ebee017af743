# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the role, its variables are the module's options.

Misspelt ones are told before the module runs, and its faults in their names.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.agentops.credentials.plugins.plugin_utils.role_options import MIRROR, options_of_role
from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import (
    in_words_of_the_role,
    is_in_role,
    misspelt_in_role,
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not is_in_role(task_vars):
            result.update(self._execute_module(task_vars=task_vars))
            return result
        fault = misspelt_in_role(task_vars)
        if fault:
            return {**result, "failed": True, "msg": fault}
        given = options_of_role("creds_mirror", MIRROR, task_vars, self._templar.template)
        arguments = {**given, **self._task.args}
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        return in_words_of_the_role(result, arguments.keys(), "creds_mirror")
