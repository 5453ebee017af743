"""Whose program an engine is, by the kernel's word."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.namespace import user_namespace
from ansible_collections.agentops.credentials.plugins.module_utils._engine.owner import Owner, owner_of, socket_path

LISTEN = """
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "engine.sock")


def test_an_engine_in_no_namespace_of_its_own_is_this_users(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        owner = owner_of(path)
    assert owner == Owner(os.getpid(), os.getuid())
    assert not owner.has_namespace


@pytest.fixture
def rootless(path: str) -> Iterator[subprocess.Popen[str]]:
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", LISTEN, path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    if process.stdout.readline() != "listening\n":
        pytest.skip("no user namespaces here")
    yield process
    process.communicate()


def test_a_rootless_engine_is_in_a_namespace_of_its_own(path: str, rootless: subprocess.Popen[str]) -> None:
    owner = owner_of(path)
    assert owner == Owner(rootless.pid, os.getuid())
    assert owner.has_namespace
    assert user_namespace(rootless.pid) != user_namespace("self")


def test_where_nobody_listens_there_is_no_owner(path: str) -> None:
    assert owner_of(path) is None
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
    assert owner_of(path) is None
    assert owner_of("") is None


@pytest.mark.parametrize(
    ("docker_host", "path"),
    [
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("unix://run/docker.sock", "/run/docker.sock"),
        ("http+unix:///run/docker.sock", "/run/docker.sock"),
        ("tcp://192.0.2.23:2376", None),
        ("ssh://host", None),
    ],
)
def test_where_an_engine_listens_on_this_host(docker_host: str, path: str | None) -> None:
    assert socket_path(docker_host) == path
