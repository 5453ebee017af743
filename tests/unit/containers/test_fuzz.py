# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever agents.json, a container's passwd file, its version or a mirror's state file holds: a fault, or harmless."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._agents import config, passwd
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._base.printable import printable, printable_data
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import is_below, version_of
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.login_end import expiry
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._containers import prove
from ansible_collections.agentops.credentials.plugins.module_utils._containers.judgement import judge

CONTEXT = config.ConfigContext("agents.json", "/home/mal", owner_uid=1000)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
PATHS = st.builds("/{}".format, st.text(max_size=300)) | st.sampled_from(
    ["~/x", "~", "~root/x", "/..", "//", "/home/mal/../alice", "/x\0y", "/x\ny", "/x,readonly=false", "/" + "x/" * 3000]
)
IDS = st.sampled_from(["0", "-1", "²", "٣", "4294967295", "9" * 5000, "0:²", ":", "1:", "root"]) | st.text(max_size=12)


def values(key: str) -> st.SearchStrategy[Any]:
    """What is likely, and anything else."""
    likely: dict[str, st.SearchStrategy[Any]] = {
        "credentials_host_dir": PATHS,
        "credentials_host_path": PATHS,
        "target": PATHS,
        "home": PATHS,
        "user": IDS,
        "mode": st.sampled_from(["mirror", "shared"]),
        "cli": st.sampled_from(sorted(CATALOG)),
        "placement": st.sampled_from(["store", "link", "config_dir"]),
    }
    return likely.get(key, SCALARS) | JSON


CONTAINERS = st.fixed_dictionaries({}, optional={key: values(key) for key in sorted(config.CONTAINER_KEYS)})
AGENTS = st.dictionaries(st.text(max_size=300), JSON | st.fixed_dictionaries({"container": CONTAINERS}), max_size=4)


@given(JSON | st.fixed_dictionaries({"agents": AGENTS | JSON}))
def test_any_agents_json(document: Any) -> None:
    """Each agent is served with paths that a mount can have, or has a fault that begins with its name."""
    try:
        parsed = config.parse(document, CONTEXT)
    except ConfigError:
        return
    for name, faults in parsed.faults.items():
        assert faults and all(fault.startswith(f"{name}: ") for fault in faults)
    for spec in parsed.agents:
        for path in (spec.directory, spec.target, spec.home):
            assert path is None or (path.startswith("/") and path.isprintable() and "," not in path and ":" not in path)
        assert all(one is None or 0 <= one < 2**32 - 1 for one in spec.ids)


@given(st.text() | st.binary().map(lambda content: content.decode("utf-8", "replace")))
@example("[" * 100000)
@example('{"agents": ' * 5000)
@example("9" * 5000)
def test_any_text_for_agents_json(text: str) -> None:
    try:
        config.load(text, "agents.json")
    except ConfigError as error:
        assert text not in str(error) or len(text) < 40


LINES = st.lists(st.text(max_size=60) | st.lists(IDS | st.text(max_size=9), max_size=9).map(":".join)).map("\n".join)


@given(IDS | st.text(max_size=12), LINES)
@example("claude", "claude:x:²:²::/:/bin/sh")
@example("claude", f"claude:x:{'1' * 5000}:0::/:/bin/sh")
@example("", "root:x:99999999999:0::/:/bin/sh")
def test_any_passwd_file(user: str, text: str) -> None:
    found = passwd.find_container_user(user, text)
    assert found is None or (0 <= found.uid < 10**10 and 0 <= found.gid < 10**10)
    spec = config.parse({"agents": {"a": {"container": {"credentials_host_dir": "/d", "passwd": True}}}}, CONTEXT)
    needed = passwd.needed_passwd(spec.agents[0], user, text, "/home/agent")
    if needed is not None:
        assert all(re.fullmatch(r"[ -~]+", line) and line.count(":") == 6 for line in needed.text.splitlines())


@given(st.text() | st.lists(IDS, min_size=3, max_size=4).map(".".join))
@example(".".join(["9" * 5000] * 3))
@example("٣.٣.٣")
def test_any_version(text: str) -> None:
    """On 0.2.0 one of 5000 digits, or of another script's, went into int()."""
    version = version_of(text)
    assert version is None or (
        re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){2}", version) and is_below(version, "0.0.0") is False
    )


class StateFile:
    """A host on which a mirror's state file has any content."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, _path: str) -> bytes:
        return self.content

    def realpath(self, path: str) -> str:
        return path

    def inode(self, _path: str) -> int:
        return 7


STATES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("source", "life", "refusal", "published", "login", "client", "cli", "counts"), JSON)
)


@given(STATES.map(json.dumps).map(str.encode) | JSON.map(json.dumps).map(str.encode) | st.binary())
@example(b'{"source": {"path": "\\u0000", "inode": 7}, "life": 3, "refusal": ["x"]}')
@example(b"[" * 100000)
def test_any_state_file(content: bytes) -> None:
    """What a user writes into his mirror's state file reaches the judgement of his agents, and no terminal as it is."""
    host: Any = StateFile(content)
    mirror = prove._mirror_state(host, "/d/claude-credentials")
    agent = {
        "container": "boss",
        "verdict": "ok",
        "state": "running",
        "fresh": True,
        "published": {"fingerprint": "0" * 12, "expires_at": None},
        "directory": "/d/claude-credentials",
        "reasons": [],
        "readers": [],
        "exposed": [],
        "accept_exposure": False,
        "mode": "mirror",
        "idle_status": None,
        "elsewhere": None,
        "reload": "watches",
        "started_at": None,
        "mirror": mirror,
    }
    said = printable_data({"mirror": mirror, "judgement": judge(agent, NOW).of("boss")})
    assert printable(json.dumps(said), limit=10**9) == json.dumps(said)


@given(
    JSON.map(json.dumps).map(str.encode)
    | st.binary()
    | st.integers().map(lambda end: b'{"claudeAiOauth": {"expiresAt": %d}}' % end)
)
@example(b'{"claudeAiOauth": {"expiresAt": ' + b"9" * 5000 + b"}}")
@example(b'{"claudeAiOauth": {"expiresAt": 1e999}}')
@example(b"[" * 200000)
def test_any_login(content: bytes) -> None:
    for cli in CATALOG.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expiry(content, cli) or "2026-01-01T00:00:00Z")
