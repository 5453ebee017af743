"""The user that a container runs as, and its passwd file."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.passwd import (
    ContainerUser,
    find_container_user,
    needed_passwd,
)

from .specs import spec

PASSWD = "root:x:0:0:root:/root:/bin/sh\nclaude:x:1000:1001::/home/claude:/bin/sh\nbroken line\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", ContainerUser(0, 0, "/root")),
        ("claude", ContainerUser(1000, 1001, "/home/claude")),
        ("1000", ContainerUser(1000, 1001, "/home/claude")),
        ("claude:50", ContainerUser(1000, 50, "/home/claude")),
        ("12345", ContainerUser(12345, 0, "/", has_entry=False)),
        ("12345:7", ContainerUser(12345, 7, "/", has_entry=False)),
        ("nobody-here", None),
    ],
)
def test_the_user_of_a_container(user: str, expected: ContainerUser | None) -> None:
    assert find_container_user(user, PASSWD) == expected


def test_a_uid_without_an_entry_gets_one_in_a_file_that_never_changes() -> None:
    one = spec(credentials_host_dir="/c", passwd=True, home="/work")
    passwd = needed_passwd(one, "12345:7", "root:x:0:0::/root:/bin/sh", None)
    assert passwd is not None
    assert passwd.text == "root:x:0:0::/root:/bin/sh\nagent:x:12345:7:agent:/work:/bin/sh\n"
    assert os.path.dirname(passwd.path) == "/h/.local/share/agentops/passwd"
    other = needed_passwd(one, "12346", "root:x:0:0::/root:/bin/sh", None)
    assert other is not None
    assert other.path != passwd.path


@pytest.mark.parametrize(
    ("container", "user"),
    [({"passwd": True}, "1000"), ({"passwd": True}, "root"), ({"passwd": True}, ""), ({}, "12345")],
)
def test_no_passwd_file_where_none_is_needed(container: Any, user: str) -> None:
    one = spec(credentials_host_dir="/c", **container)
    assert needed_passwd(one, user, "a:x:1000:1000::/:/bin/sh\n", None) is None
