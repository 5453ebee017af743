"""What compose or an agent has put into the writable layer is not lost without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.field import Field

SECRET = "/run/secrets/github_token"
CONFIG = "/run/agent/settings.json"


@pytest.fixture(autouse=True)
def _tidy(field: Field) -> Iterator[None]:
    yield
    field.clear()


def bring(field: Field, path: str, name: str = "sec", mode: str = "0444") -> None:
    """Put a file into the container's layer before its start, as compose does."""
    parts = ["umask 022", "work=$(mktemp -d)", f"mkdir -p $work$(dirname {path})", f"echo precious > $work{path}"]
    parts += [
        f"chmod {mode} $work{path}",
        f"tar -C $work -cf - {path.split('/')[1]} | docker cp - {field.full(name)}:/",
    ]
    field.host.check_output("; ".join([*parts, "rm -r $work"]))


def start(field: Field, *paths: str, options: str = "") -> None:
    field.host.check_output(f"docker create --name {field.full('sec')} {field.file_mount} {options} agentops-agent")
    for path in paths:
        bring(field, path)
    field.host.check_output(f"docker start {field.full('sec')}")


def test_secrets_and_configs_of_compose_are_not_lost_without_a_word(field: Field) -> None:
    """nicholas-fedor/watchtower#2378, containrrr/watchtower#1803."""
    start(field, SECRET, CONFIG)
    succeeded, result = field.serve("sec")
    assert not succeeded
    assert f"has written files that a recreation would lose ({CONFIG}, {SECRET})" in result["msg"]
    assert field.names() == {"sec": "running"}


def test_secrets_and_configs_of_compose_are_carried(field: Field) -> None:
    start(field, SECRET, CONFIG, "/tmp/also")
    succeeded, result = field.serve("sec", writable_layer="carry")
    assert succeeded, result
    assert field.is_served("sec")
    for path in (SECRET, CONFIG, "/tmp/also"):
        assert field.inside(field.full("sec"), path) == "precious"
    assert field.host.check_output(f"docker exec {field.full('sec')} stat -c %a {SECRET}") == "444"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/tmp/home/notes", "--env HOME=/tmp/home"),
        ("/var/cache/agent/settings.json", "--env CLAUDE_CONFIG_DIR=/var/cache/agent"),
        ("/var/tmp/work/notes", "--workdir /var/tmp/work"),
        ("/tmp/config.json", "--label com.docker.compose.service=sec"),
    ],
)
def test_a_home_or_a_config_in_a_temporary_place_counts(field: Field, path: str, options: str) -> None:
    start(field, path, options=options)
    succeeded, result = field.serve("sec")
    assert not succeeded
    assert path in result["msg"]


def test_pipes_and_pid_files_and_temporary_files_are_dropped_and_told(field: Field) -> None:
    start(field, "/tmp/scratch")
    script = "mkdir -p /run/sshd && echo 1 > /run/one.pid && mkfifo /run/some"
    field.host.check_output(f"docker exec --user 0 {field.full('sec')} sh -c '{script}'")
    succeeded, result = field.serve("sec")
    assert succeeded, result
    (told,) = [one for one in result["agents"]["sec"]["differences"] if one.startswith("dropped")]
    assert all(path in told for path in ("/run/one.pid", "/run/some", "/run/sshd", "/tmp/scratch"))
    assert field.is_served("sec")
