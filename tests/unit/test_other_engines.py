"""Agents that the asked engine lacks are looked for in the others of the host, whose word is believed for names alone."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import pwd
import socketserver
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.module_utils._containers.advice import in_another_engine

NOBODY = pwd.getpwnam("nobody")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes a user's rights")


class Answer(http.server.BaseHTTPRequestHandler):
    """What an engine says to who lists its containers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        rows = [{"Id": name * 8, "Names": [f"/{name}"]} for name in sys.argv[4:]]
        is_version = self.path.endswith("/version")
        content = json.dumps({"ApiVersion": "1.51", "Version": "28"} if is_version else rows).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        return super().get_request()[0], ("engine", 0)  # the handler wants an address of two parts


def serve() -> None:
    """An engine that has the named containers: PATH UID NAME..."""
    path, uid = sys.argv[2:4]
    os.setresuid(int(uid), int(uid), int(uid))
    with Server(path, Answer) as server:
        print("listens", flush=True)
        server.serve_forever()


class Host:
    """The sockets of a made-up host, and the engines at them."""

    def __init__(self, top: pathlib.Path) -> None:
        self.top = top
        self.roots = top / "docker.sock"
        self.users = top / f"user/{NOBODY.pw_uid}/docker.sock"
        self.podman = top / f"user/{NOBODY.pw_uid}/podman/podman.sock"
        self.podman.parent.mkdir(parents=True)
        for directory in (top, *self.podman.parents[:3]):
            os.chmod(directory, 0o755)  # noqa: S103
        for directory in (self.users.parent, self.podman.parent):
            os.chown(directory, NOBODY.pw_uid, NOBODY.pw_gid)
        self.engines: list[subprocess.Popen[str]] = []

    def engine(self, path: pathlib.Path, uid: int, *names: str) -> None:
        command = [sys.executable, __file__, "serve", str(path), str(uid), *names]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.engines.append(process)
        assert process.stdout is not None and process.stdout.readline() == "listens\n"

    def found(self, asked: pathlib.Path, *containers: str) -> dict[str, str]:
        home = self.top / "home"
        home.mkdir(exist_ok=True)
        os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
        module: Any = types.SimpleNamespace(params={"docker_host": f"unix://{asked}", "home": str(home)})
        return _agents_module.in_other_engines(module, set(containers))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    directory = tempfile.TemporaryDirectory()  # below pytest's own, nobody may go
    top = pathlib.Path(directory.name)
    made = Host(top)
    monkeypatch.setattr(_agents_module, "ROOTS_SOCKET", str(made.roots))
    monkeypatch.setattr(_agents_module, "ROOTS_PODMAN", str(top / "podman.sock"))
    monkeypatch.setattr(_agents_module, "RUNTIME", str(top / "user"))
    yield made
    for process in made.engines:
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
    directory.cleanup()


def test_the_engine_that_has_an_agent_is_named(host: Host) -> None:
    host.engine(host.users, NOBODY.pw_uid, "boss", "other")
    host.engine(host.podman, NOBODY.pw_uid, "dev", "boss")
    found = host.found(host.roots, "boss", "dev", "reviewer")
    assert found == {"boss": f"unix://{host.users}", "dev": f"unix://{host.podman}"}


def test_roots_engine_is_looked_at_where_that_of_the_user_was_asked(host: Host) -> None:
    host.engine(host.roots, 0, "boss")
    assert host.found(host.users, "boss") == {"boss": f"unix://{host.roots}"}


def test_the_engine_that_was_asked_is_not_asked_again(host: Host) -> None:
    host.engine(host.roots, 0, "boss")
    link = host.top / "link.sock"
    link.symlink_to(host.roots)
    assert host.found(link, "boss") == {}


def test_who_listens_in_anothers_name_is_not_asked(host: Host) -> None:
    """A user could put a link to any socket of root's in the place of his own."""
    host.engine(host.top / "roots", 0, "boss")
    host.users.symlink_to(host.top / "roots")
    assert host.found(host.roots, "boss") == {}


def test_where_nobody_listens_nothing_is_said(host: Host) -> None:
    host.users.touch()
    assert host.found(host.roots, "boss") == {}


def test_a_run_says_it_of_each_agent(host: Host) -> None:
    observed: Any = types.SimpleNamespace(spec=types.SimpleNamespace(name="boss", container="boss-1"))
    other: Any = types.SimpleNamespace(spec=types.SimpleNamespace(name="dev", container="dev-1"))
    assert in_another_engine([observed, other], {"boss-1": "unix:///x"}) == [
        "boss: a container named boss-1 is in the engine at unix:///x; set docker_host to that."
    ]


if __name__ == "__main__":
    serve()
