"""The check for the Docker SDK is not fooled by a directory that is called like it.

ansible/ansible#84566, and the namespace packages of Python 3: where the command runs, ``docker/`` holds compose files.
"""

from __future__ import annotations

import shlex

import pytest
import yaml

from testbed.field import Field
from testbed.hosts import CHECKOUT

SDK = "/usr/lib/python3/dist-packages/docker"


def check(field: Field, before: str = "true") -> int:
    tasks = yaml.safe_load((CHECKOUT / "roles/agent_containers/tasks/main.yml").read_text())
    command = next(task["ansible.builtin.command"]["argv"] for task in tasks if "SDK" in task["name"])
    words = shlex.join(["/usr/bin/python3", *command[1:]])
    script = f"{before}; mkdir -p /tmp/field/docker/compose; cd /tmp/field; {words}"
    return int(field.host.run(f"unshare --mount sh -c {shlex.quote(script)}").rc)


def test_the_sdk_is_found_next_to_such_a_directory(field: Field) -> None:
    assert check(field) == 0


@pytest.mark.parametrize("hide", [f"mount -t tmpfs none {SDK}", f"mount --bind /opt {SDK}"])
def test_a_directory_is_not_taken_for_the_sdk(field: Field, hide: str) -> None:
    assert check(field, hide) != 0
