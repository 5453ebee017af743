"""The Docker SDK is looked for where the module finds it, and a directory that is called like it is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.field import Field
from testbed.hosts import run_module

SDK = "/usr/lib/python3/dist-packages/docker"


@pytest.fixture
def beside(field: Field) -> Iterator[Field]:
    """root's home, where modules run, has a directory of that name."""
    field.host.check_output("mkdir -p /root/docker/compose")
    yield field
    field.host.run(f"umount {SDK}; rm -r /root/docker")


def is_missing(field: Field) -> bool:
    succeeded, result = run_module(field.host, "agent_mounts", {"agents": {}, "home": "/root"})
    assert succeeded or result.get("sdk_missing"), result
    return not succeeded


def test_the_sdk_is_found_next_to_such_a_directory(beside: Field) -> None:
    assert not is_missing(beside)


@pytest.mark.parametrize("hide", [f"mount -t tmpfs none {SDK}", f"mount --bind /opt {SDK}"])
def test_a_directory_is_not_taken_for_the_sdk(beside: Field, hide: str) -> None:
    """ansible/ansible#84566, and the namespace packages of Python 3: where the module runs, ``docker/`` holds compose
    files."""
    beside.host.check_output(hide)
    assert is_missing(beside)
