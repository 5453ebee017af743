# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a container can reach of the host through its mounts, by whatever name they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._host.mountinfo import Mount, Reach, parse, reaches

SOURCE = "/home/dev/.claude/.credentials.json"
HOST = parse(
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
    "23 22 0:20 / /proc rw - proc proc rw\n"
    "24 22 8:2 / /home rw,relatime shared:2 - ext4 /dev/vda2 rw\n"
    "25 22 8:2 /dev/.claude /srv/another\\040name rw - ext4 /dev/vda2 rw\n"
)


def inside(*lines: str) -> tuple[Mount, ...]:
    own = "90 80 0:55 / / rw - overlay overlay rw"
    return parse("\n".join([own, *(f"9{number} 90 {line} - ext4 x rw" for number, line in enumerate(lines))]))


CASES: dict[str, tuple[tuple[str, ...], tuple[Reach, ...]]] = {
    "nothing of it": (("8:2 /dev/.config/claude-hooks/claude-credentials /run/agent-credentials/claude ro",), ()),
    "its directory": (("8:2 /dev/.claude /home/agent/.claude rw",), (Reach("/home/agent/.claude/.credentials.json", "/home/agent/.claude", False),)),
    "read-only, elsewhere": (("8:2 /dev/.claude /opt/x ro,nosuid",), (Reach("/opt/x/.credentials.json", "/opt/x", True),)),
    "the home": (("8:2 /dev /work rw",), (Reach("/work/.claude/.credentials.json", "/work", False),)),
    "all of the file system": (("8:2 / /host rw",), (Reach("/host/dev/.claude/.credentials.json", "/host", False),)),
    "the file itself": (("8:2 /dev/.claude/.credentials.json /c.json ro",), (Reach("/c.json", "/c.json", True),)),
    "a neighbour whose name begins the same": (("8:2 /dev/.claude-old /x rw",), ()),
    "the same path of another file system": (("8:1 /dev/.claude /x rw",), ()),
    "covered by another mount": (("8:2 /dev /work rw", "8:9 / /work/.claude rw"), ()),
    "covered, and mounted again on top": (
        ("8:2 /dev /work rw", "8:9 / /work/.claude rw", "8:2 /dev/.claude /work/.claude/inner ro"),
        (Reach("/work/.claude/inner/.credentials.json", "/work/.claude/inner", True),),
    ),
    "two ways": (
        ("8:2 /dev/.claude /a ro", "8:2 /dev /b rw"),
        (Reach("/a/.credentials.json", "/a", True), Reach("/b/.claude/.credentials.json", "/b", False)),
    ),
    "a blank in its name": ((r"8:2 /dev/.claude /a\040b rw",), (Reach("/a b/.credentials.json", "/a b", False),)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_container_can_reach_of_the_login(case: str) -> None:
    lines, expected = CASES[case]
    assert reaches(HOST, SOURCE, inside(*lines)) == expected


def test_by_another_name_of_the_directory_on_the_host() -> None:
    """The login's own path leads through a bind mount of the host."""
    mounts = inside("8:2 /dev/.claude /x rw")
    assert reaches(HOST, "/srv/another name/.credentials.json", mounts) == (Reach("/x/.credentials.json", "/x", False),)


def test_without_knowledge_of_the_hosts_mounts_nothing_is_said() -> None:
    assert reaches((), SOURCE, inside("8:2 / /x rw")) == ()


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    reaches(parse(text), SOURCE, parse(text))
