"""The engine's client: what it asks of the SDK, and what it makes of the answers and faults."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import json
import os
import pathlib
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import docker.errors
import docker.utils.config
import pytest
import requests.exceptions

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    EngineError,
    LateError,
    NotFoundError,
)
from ansible_collections.agentops.credentials.plugins.module_utils._engine import client
from ansible_collections.agentops.credentials.plugins.module_utils._engine.client import NOT_ENDED, Engine

SOCKET = "unix:///run/docker.sock"
NOT_FOUND = docker.errors.NotFound("404 Client Error", explanation="No such container: boss")
CONFLICT = docker.errors.APIError("409 Client Error", explanation="container boss is not running")


class StubApi:
    """Answers each call of the SDK with a value, a fault, or a function of the call's arguments; keeps the calls."""

    api_version = "1.41"
    trust_env = True
    base_url = "http+docker://localhost"
    _url = staticmethod(lambda path, *parts: path.format(*parts))

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"info": {"DockerRootDir": "/"}}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.settings: dict[str, Any] = {}

    def of_version(self, version: str) -> StubApi:
        """Another connection to the same engine, at another API version."""
        other = StubApi()
        other.answers, other.calls, other.api_version = self.answers, self.calls, version
        return other

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(*args, **kwargs) if callable(answer) else answer

        return call


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> StubApi:
    stub = StubApi()

    def connect(**settings: Any) -> StubApi:
        if settings["version"] != "auto":
            return stub.of_version(settings["version"])
        stub.settings = settings
        return stub

    monkeypatch.setattr(docker, "APIClient", connect)
    return stub


@pytest.fixture
def engine(api: StubApi) -> Engine:
    return Engine(SOCKET, None, timeout=60)


def entry(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, linkname, size
    return info


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


# connecting


def test_the_connection_is_asked_for_as_configured(api: StubApi) -> None:
    engine = Engine(SOCKET, None, timeout=7)
    assert api.settings == {"base_url": SOCKET, "version": "auto", "timeout": 7, "tls": False}
    assert (engine.api_version, engine.is_local, api.trust_env) == ((1, 41), True, False)


def test_an_engine_elsewhere_may_lie_behind_a_proxy_and_tls(api: StubApi) -> None:
    engine = Engine("tcp://192.0.2.23:2376", {"verify": False}, timeout=7)
    assert (engine.is_local, api.trust_env) == (False, True)
    assert isinstance(api.settings["tls"], docker.tls.TLSConfig)


@pytest.mark.parametrize("variable", ["HOME", "DOCKER_CONFIG"])
@pytest.mark.parametrize(("host", "is_read"), [(SOCKET, False), ("tcp://192.0.2.23:2376", True)])
def test_for_a_socket_no_login_of_a_registry_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, variable: str, host: str, is_read: bool
) -> None:
    """On 0.2.0 one that is broken ended the run (attacks.md, 19); a FIFO would hold it. A proxy may need its headers."""
    path = tmp_path / ("config.json" if variable == "DOCKER_CONFIG" else ".docker/config.json")
    path.parent.mkdir(exist_ok=True)
    path.touch()
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    before, found = dict(os.environ), []

    def connect(**_settings: Any) -> StubApi:
        found.append(docker.utils.config.find_config_file())
        return StubApi()

    monkeypatch.setattr(docker, "APIClient", connect)
    Engine(host, None, timeout=7)
    assert found == [str(path) if is_read else None]
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("told", "is_local"),
    [
        pytest.param("", True, id="it-does-not-say"),
        pytest.param("secret", True, id="this-user-may-not-look"),
        pytest.param("full", True, id="they-are-here"),
        pytest.param("nowhere/docker", False, id="they-are-not-here"),
        pytest.param("empty", False, id="a-place-for-those-of-another-one"),
        pytest.param("file/docker", False, id="something-else-is-here"),
    ],
)
def test_an_engine_is_on_this_host_if_its_files_are(
    api: StubApi, engine: Engine, told: str, is_local: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Who runs in a container may have nothing of the host but the socket: paths mean nothing there."""
    for name in ("full/containers", "empty", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    listed = os.listdir

    def listdir(path: str) -> list[str]:
        if path.endswith("/secret"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", listdir)
    api.answers["info"] = {"DockerRootDir": f"{tmp_path}/{told}"} if told else {}
    assert (engine.is_local, engine.is_local) == (is_local, is_local)
    assert [name for name, _args, _kwargs in api.calls] == ["info"]


@pytest.mark.parametrize(
    ("own", "used"),
    [("1.41", (1, 41)), ("1.51", (1, 51)), ("1.52", (1, 51)), ("1.57", (1, 51)), ("2.0", (1, 51))],
)
def test_a_newer_engine_is_asked_in_the_words_of_the_newest_that_was_tested(
    api: StubApi, own: str, used: tuple[int, int]
) -> None:
    api.api_version = own
    api.answers["inspect_container"] = lambda container: {"Id": container}
    engine = Engine(SOCKET, None, timeout=7)
    assert engine.api_version == used
    assert engine.inspect("boss").id == engine.inspect_in_full("boss").id == "boss"


def test_what_the_tested_api_hides_is_told_at_the_engines_own(api: StubApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.api_version = "1.56"

    def tell(version: str) -> Callable[..., Any]:
        return lambda container: {"HostConfig": {"Umask": 18} if version == "1.56" else {}}

    capped = StubApi()
    capped.api_version = "1.51"
    api.answers["inspect_container"], capped.answers["inspect_container"] = tell("1.56"), tell("1.51")
    monkeypatch.setattr(api, "of_version", lambda version: capped)
    engine = Engine(SOCKET, None, timeout=7)
    assert engine.inspect("boss").host_config == {}
    assert engine.inspect_in_full("boss").host_config == {"Umask": 18}
    assert api.trust_env is capped.trust_env is False


@pytest.mark.parametrize(
    "fault",
    [
        docker.errors.DockerException("Error while fetching server API version: connection refused"),
        requests.exceptions.ConnectionError("connection refused"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def refuse(**settings: Any) -> None:
        raise fault

    monkeypatch.setattr(docker, "APIClient", refuse)
    with pytest.raises(EngineError) as caught:
        Engine(SOCKET, None, timeout=7)
    assert str(caught.value) == (
        f"the Docker engine at {SOCKET} cannot be reached (connection refused); "
        "start it, set docker_host, or use become if the socket is not open to this user."
    )


def failing(cause: Exception) -> Exception:
    """What the SDK makes of an exception when it asks for the version."""
    error = docker.errors.DockerException(f"Error while fetching server API version: {cause}")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (failing(requests.exceptions.InvalidURL("Not supported URL scheme http+docker")), "the Docker SDK for Python"),
        (failing(TypeError("unexpected keyword argument 'chunked'")), "the Docker SDK for Python"),
        (docker.errors.TLSParameterError("no such certificate"), "the Docker SDK for Python"),
        (docker.errors.DockerException("Invalid bind address protocol: x"), "the Docker SDK for Python"),
        (
            failing(docker.errors.APIError("403 Client Error", explanation="go away")),
            "does not tell its version (go away)",
        ),
        (failing(PermissionError(13, "Permission denied")), "cannot be reached"),
        (failing(requests.exceptions.ConnectTimeout("timed out")), "cannot be reached (timed out)"),
    ],
)
def test_what_the_sdk_says_wrong_is_not_told_as_a_dead_engine(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    def refuse(**settings: Any) -> None:
        raise fault

    monkeypatch.setattr(docker, "APIClient", refuse)
    with pytest.raises(EngineError) as caught:
        Engine(SOCKET, None, timeout=7)
    assert words in str(caught.value)
    assert ("cannot be reached" in str(caught.value)) == ("cannot be reached" in words)


# faults

FAULTS: dict[str, tuple[Exception, type[EngineError], str]] = {
    "not found": (NOT_FOUND, NotFoundError, "No such container: boss"),
    "refused by the engine": (CONFLICT, EngineError, "container boss is not running"),
    "without an explanation": (docker.errors.APIError("500 Server Error"), EngineError, "500 Server Error"),
    "no answer": (
        requests.exceptions.ReadTimeout("read timed out"),
        LateError,
        "the engine did not answer in time (option timeout); a container may hang, see docker ps --all",
    ),
    "no connection in time": (
        requests.exceptions.ConnectTimeout("timed out"),
        LateError,
        "the engine did not answer in time (option timeout); a container may hang, see docker ps --all",
    ),
    "broken connection": (requests.exceptions.ConnectionError("aborted"), EngineError, "aborted"),
    "the SDK's own": (docker.errors.InvalidVersion("too old"), EngineError, "too old"),
    "the socket's": (ConnectionResetError("reset by peer"), EngineError, "reset by peer"),
}
CALLS: dict[str, tuple[str, Callable[[Engine], object]]] = {
    "identity": ("info", lambda engine: engine.identity()),
    "containers": ("containers", lambda engine: engine.containers()),
    "inspect": ("inspect_container", lambda engine: engine.inspect("boss")),
    "volume": ("inspect_volume", lambda engine: engine.inspect_volume("work")),
    "changed_paths": ("diff", lambda engine: engine.changed_paths("boss")),
    "execute": ("exec_create", lambda engine: engine.execute("boss", ["true"])),
    "create": ("create_container_from_config", lambda engine: engine.create("boss", {})),
    "connect": ("connect_container_to_network", lambda engine: engine.connect("boss", "net", {})),
    "disconnect": ("disconnect_container_from_network", lambda engine: engine.disconnect("boss", "net")),
    "set_restart_policy": ("update_container", lambda engine: engine.set_restart_policy("boss", {"Name": "no"})),
    "stop": ("stop", lambda engine: engine.stop("boss", 10)),
    "restart": ("restart", lambda engine: engine.restart("boss", 10)),
    "rename": ("rename", lambda engine: engine.rename("boss", "new")),
    "start": ("start", lambda engine: engine.start("boss")),
    "pause": ("pause", lambda engine: engine.pause("boss")),
    "remove": ("remove_container", lambda engine: engine.remove("boss", force=False)),
    "commit": ("_post", lambda engine: engine.commit("boss", "image:tag")),
    "layer_directory": ("inspect_container", lambda engine: engine.layer_directory("boss")),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CALLS)
def test_each_fault_of_each_call_comes_in_the_engines_words(
    api: StubApi, engine: Engine, name: str, fault: str
) -> None:
    called, call = CALLS[name]
    raised, kind, words = FAULTS[fault]
    api.answers[called] = raised
    if name == "volume" and kind is NotFoundError:
        assert call(engine) is None
        return
    with pytest.raises(EngineError) as caught:
        call(engine)
    assert (type(caught.value), str(caught.value)) == (kind, words)
    assert [call[0] for call in api.calls] == [called]


def test_a_fault_of_ours_is_not_taken_for_the_engines(api: StubApi, engine: Engine) -> None:
    api.answers["inspect_container"] = ValueError("ours")
    with pytest.raises(ValueError, match="ours"):
        engine.inspect("boss")


# reading


@pytest.mark.parametrize(
    ("version", "product"),
    [
        ({"Components": [{"Name": "Engine", "Version": "28.5.2"}, {"Name": "containerd"}]}, "Engine"),
        ({"Components": [{"Name": "Podman Engine", "Version": "5.8.6"}, {"Name": "Conmon"}]}, "Podman Engine"),
        ({"Version": "1.13.1"}, ""),
    ],
)
def test_an_engine_is_known_by_what_it_calls_itself(api: StubApi, engine: Engine, version: Any, product: str) -> None:
    api.answers["version"] = version
    assert engine.product() == product


def test_an_engine_is_known_by_its_id(api: StubApi, engine: Engine) -> None:
    api.answers["info"] = {"ID": "7TLX:AAAA", "Name": "host"}
    assert engine.identity() == "7TLX:AAAA"


@pytest.mark.parametrize("answer", [{}, {"ID": ""}, {"ID": None}])
def test_an_engine_without_an_id_is_known_by_its_address(api: StubApi, engine: Engine, answer: dict[str, Any]) -> None:
    api.answers["info"] = answer
    assert engine.identity() == "http+docker://localhost"


def test_an_image_that_is_gone_is_none_and_its_removal_no_fault(api: StubApi, engine: Engine) -> None:
    api.answers |= {"inspect_image": NOT_FOUND, "remove_image": NOT_FOUND}
    assert engine.inspect_image("image") is None
    engine.remove_image("image")
    assert api.calls[-1] == ("remove_image", ("image",), {"noprune": True})
    api.answers |= {"inspect_image": CONFLICT, "remove_image": CONFLICT}
    with pytest.raises(EngineError, match="is not running"):
        engine.inspect_image("image")
    with pytest.raises(EngineError, match="is not running"):
        engine.remove_image("image")


@pytest.mark.parametrize(
    ("rows", "paths"),
    [(None, ()), ([], ()), ([{"Path": "/a", "Kind": 1}, {"Path": "/b", "Kind": 2}], ("/a", "/b"))],
)
def test_what_the_writable_layer_holds(
    api: StubApi, engine: Engine, rows: list[dict[str, Any]] | None, paths: tuple[str, ...]
) -> None:
    api.answers["diff"] = rows
    assert engine.changed_paths("boss") == paths


@pytest.mark.parametrize(
    ("archive", "content"),
    [
        (packed((entry("login.json"), b"fake-token-1")), b"fake-token-1"),
        (packed((entry("login.json"), b"")), b""),
        (packed((entry("login.json", tarfile.SYMTYPE, "/etc/passwd"), b"")), None),
        (packed((entry("login.json", tarfile.FIFOTYPE), b"")), None),
        (packed((entry("login.json/", tarfile.DIRTYPE), b""), (entry("login.json/other"), b"other's")), None),
        (packed(), None),
    ],
    ids=["a file", "an empty file", "a link", "a pipe", "a directory with a file", "nothing"],
)
def test_only_a_regular_file_is_read(api: StubApi, engine: Engine, archive: bytes, content: bytes | None) -> None:
    api.answers["get_archive"] = (iter([archive[:700], archive[700:]]), {})
    assert engine.read_file("boss", "/home/agent/login.json") == content
    assert api.calls == [("get_archive", ("boss", "/home/agent/login.json"), {})]


def test_a_file_that_is_not_there_is_none(api: StubApi, engine: Engine) -> None:
    api.answers["get_archive"] = NOT_FOUND
    assert engine.read_file("boss", "/home/agent/login.json") is None


def test_of_a_file_without_end_a_part_is_read(api: StubApi, engine: Engine) -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield entry("login.json", size=1 << 40).tobuf()
        while True:
            taken += 1
            assert taken < 1000
            yield b"x" * (1 << 16)

    api.answers["get_archive"] = (chunks(), {})
    assert engine.read_file("boss", "/home/agent/login.json") == b"x" * (1 << 20)
    assert taken <= 33  # 2 MiB


@pytest.mark.parametrize("length", [0, 100, 600], ids=["empty", "in the header", "in the content"])
def test_an_archive_that_breaks_off_is_the_engines_fault(api: StubApi, engine: Engine, length: int) -> None:
    api.answers["get_archive"] = (iter([packed((entry("login.json"), b"x" * 5000))[:length]]), {})
    with pytest.raises(EngineError):
        engine.read_file("boss", "/home/agent/login.json")


@dataclasses.dataclass
class Answer:
    """Of HTTP."""

    fault: Exception | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


def tell_of_paths(api: StubApi, status: Callable[[str], dict[str, Any] | None]) -> None:
    """Let the engine tell of each path of a container what ``status`` says."""

    def head(url: str, params: dict[str, str], timeout: int) -> Answer:
        assert (url, timeout) == ("/containers/boss/archive", 60)
        told = status(params["path"])
        if told is None:
            return Answer(NOT_FOUND)
        header = base64.b64encode(json.dumps(told).encode()).decode()
        return Answer(headers={"X-Docker-Container-Path-Stat": header})

    def raise_for_status(answer: Answer) -> None:
        if answer.fault:
            raise answer.fault

    api.answers |= {
        "head": head,
        "_raise_for_status": raise_for_status,
    }


def test_whether_a_path_is_there_is_asked_without_its_content(api: StubApi, engine: Engine) -> None:
    """A stream that is closed unread leaves words on standard error (urllib3 with Python 3.14)."""
    tell_of_paths(api, lambda path: {"mode": 1 << 31} if path == "/home/agent" else None)
    assert engine.has_path("boss", "/home/agent")
    assert not engine.has_path("boss", "/home/other")
    assert "get_archive" not in [call[0] for call in api.calls]


def test_a_container_into_which_the_engine_does_not_look_is_told_with_what_to_do(api: StubApi, engine: Engine) -> None:
    """Docker 28.5, of a container that has put a link above one of its mounts (scenario ``freshness``)."""
    explanation = "mkdirat run/agent-credentials/claude: path escapes from parent"
    api.answers["get_archive"] = docker.errors.APIError("500 Server Error", explanation=explanation)
    with pytest.raises(
        EngineError, match="a link stands in it in the place of a directory above one of its mounts; take"
    ):
        engine.read_file("boss", "/etc/passwd")


# running a command


def printing(*chunks: bytes) -> socket.socket:
    """What the engine sends of a command that prints these."""
    ours, engines = socket.socketpair()

    def send() -> None:
        with engines, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                engines.sendall(struct.pack(">BxxxI", 1, len(chunk)) + chunk)

    threading.Thread(target=send, daemon=True).start()
    return ours


def test_a_commands_status_and_output(api: StubApi, engine: Engine) -> None:
    api.answers |= {
        "exec_create": {"Id": "e1"},
        "exec_start": lambda *_args, **_kwargs: printing(b"2.1", b".145\xff\n"),
        "exec_inspect": {"ExitCode": 0},
    }
    assert engine.output("boss", ("claude", "--version")) == "2.1.145�\n"
    assert engine.execute("boss", ("claude", "--version")) == 0
    assert api.calls[:3] == [
        ("exec_create", ("boss", ["claude", "--version"]), {"stderr": False}),
        ("exec_start", ("e1",), {"socket": True}),
        ("exec_inspect", ("e1",), {}),
    ]


def test_output_is_none_where_the_command_fails(api: StubApi, engine: Engine) -> None:
    api.answers |= {
        "exec_create": {"Id": "e1"},
        "exec_start": lambda *_args, **_kwargs: printing(b"words"),
        "exec_inspect": {"ExitCode": 3},
    }
    assert engine.output("boss", ["claude"]) is None
    assert engine.execute("boss", ["claude"]) == 3


@pytest.mark.parametrize("called", ["exec_create", "exec_start"])
def test_output_is_none_where_the_command_cannot_be_run(api: StubApi, engine: Engine, called: str) -> None:
    api.answers |= {"exec_create": {"Id": "e1"}, called: CONFLICT}
    assert engine.output("boss", ["claude"]) is None
    with pytest.raises(EngineError, match="container boss is not running"):
        engine.execute("boss", ["claude"])


def test_an_engine_that_is_gone_is_no_command_without_output(api: StubApi, engine: Engine) -> None:
    api.answers |= {"exec_create": {"Id": "e1"}, "exec_start": requests.exceptions.ConnectionError("aborted")}
    with pytest.raises(EngineError, match="aborted"):
        engine.output("boss", ["claude"])


def test_a_command_that_hangs_is_left_after_its_time(api: StubApi, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(SOCKET, None, timeout=1)
    released = threading.Event()

    def hang(*_args: Any, **_kwargs: Any) -> socket.socket:
        released.wait(60)
        return printing()

    api.answers |= {"exec_create": {"Id": "e1"}, "exec_start": hang, "exec_inspect": {"ExitCode": 0}}
    begin = time.monotonic()
    try:
        assert engine.execute("boss", ["claude"]) == NOT_ENDED
        assert 1 <= time.monotonic() - begin < 30
        monkeypatch.setattr(client, "_OUTPUT_SECONDS", 0.05)
        assert engine.output("boss", ["claude"]) is None
        assert "exec_inspect" not in [call[0] for call in api.calls]
    finally:
        released.set()


def test_a_command_that_prints_without_end_is_left(api: StubApi, engine: Engine) -> None:
    streams = []

    def print_on(*_args: Any, **_kwargs: Any) -> socket.socket:
        streams.append(printing(*[b"x" * (1 << 16)] * 1000))
        return streams[-1]

    api.answers |= {"exec_create": {"Id": "e1"}, "exec_start": print_on, "exec_inspect": {"ExitCode": None}}
    assert engine.execute("boss", ["yes"]) == NOT_ENDED
    assert engine.output("boss", ["yes"]) is None
    assert [stream.fileno() for stream in streams] == [-1, -1]  # closed, and not read to the end


def test_an_answer_is_closed_before_the_stream_below_it(api: StubApi, engine: Engine) -> None:
    """Else Python 3.13 says "Exception ignored ... I/O operation on closed file"."""
    closed: list[str] = []

    class Part:
        _response: Any = None

        def __init__(self, name: str, stream: socket.socket) -> None:
            self.name, self.stream = name, stream

        def __getattr__(self, name: str) -> Any:
            return getattr(self.stream, name)

        def close(self) -> None:
            closed.append(self.name)

    def start(*_args: Any, **_kwargs: Any) -> Part:
        stream = Part("stream", printing(b"words"))
        stream._response = Part("answer", stream.stream)
        return stream

    api.answers |= {"exec_create": {"Id": "e1"}, "exec_start": start, "exec_inspect": {"ExitCode": 0}}
    assert engine.output("boss", ["claude"]) == "words"
    assert closed == ["answer", "stream"]


# writing


def test_calls_that_write_say_what_is_meant(api: StubApi, engine: Engine) -> None:
    written = ("connect_container_to_network", "remove_container", "update_container", "stop", "restart")
    api.answers |= {"create_container_from_config": {"Id": "0123"}, **dict.fromkeys(written)}
    assert engine.create("boss", {"Image": "i"}) == "0123"
    endpoint = {
        "IPAMConfig": {"IPv4Address": "192.0.2.7", "IPv6Address": "2001:db8::7", "LinkLocalIPs": ["169.254.1.1"]},
        "Aliases": ["b"],
        "Links": ["db:database"],
        "DriverOpts": {"o": "1"},
    }
    engine.connect("boss", "net", endpoint)
    engine.remove("boss", force=True)
    engine.set_restart_policy("boss", {"Name": "always", "MaximumRetryCount": 0})
    engine.stop("boss", 10)
    engine.restart("boss", 11)
    assert api.calls == [
        ("create_container_from_config", ({"Image": "i"}, "boss"), {}),
        (
            "connect_container_to_network",
            ("boss", "net"),
            {
                "ipv4_address": "192.0.2.7",
                "ipv6_address": "2001:db8::7",
                "link_local_ips": ["169.254.1.1"],
                "aliases": ["b"],
                "links": [("db", "database")],
                "driver_opt": {"o": "1"},
            },
        ),
        ("remove_container", ("boss",), {"v": False, "force": True}),
        ("update_container", ("boss",), {"restart_policy": {"Name": "always", "MaximumRetryCount": 0}}),
        ("stop", ("boss",), {"timeout": 10}),
        ("restart", ("boss",), {"timeout": 11}),
    ]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (0o644, "file"),
        (0o444, "fixed"),
        (0o755 | 1 << 31, "directory"),
        (0o777 | 1 << 27, "link"),
        (0o755 | 1 << 24, "socket"),
        (0o600 | 1 << 25, "pipe"),
        (0o600 | 1 << 26, "other"),
    ],
)
def test_the_kind_of_a_path_is_read_from_the_mode_as_go_has_it(
    api: StubApi, engine: Engine, mode: int, kind: str
) -> None:
    api.answers["inspect_container"] = {"HostConfig": {}}
    tell_of_paths(api, lambda path: {"mode": mode})
    assert engine.kind("boss", "/run/x") == kind


def test_a_path_that_is_not_there_is_gone(api: StubApi, engine: Engine) -> None:
    api.answers["inspect_container"] = {"HostConfig": {}}
    tell_of_paths(api, lambda path: None)
    assert engine.kind("boss", "/run/x") == "gone"


def test_where_a_source_is_missing_the_engine_is_not_asked_for_it_would_make_it(
    api: StubApi, engine: Engine, tmp_path: pathlib.Path
) -> None:
    api.answers["inspect_container"] = {"HostConfig": {"Binds": [f"{tmp_path}/gone:/x"]}}
    assert engine.kind("boss", "/run/x") == "file"
    assert "head" not in [call[0] for call in api.calls]


def test_the_kind_of_a_path_is_seen_in_the_layer_without_the_engine(
    api: StubApi, engine: Engine, tmp_path: pathlib.Path
) -> None:
    driver = {"Name": "overlay2", "Data": {"UpperDir": str(tmp_path)}}
    api.answers["inspect_container"] = {"GraphDriver": driver}
    (tmp_path / "file").touch(0o644)
    (tmp_path / "fixed").touch(0o444)
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    for kind in ("file", "fixed", "directory", "link", "pipe", "socket", "gone"):
        assert engine.kind("boss", f"/{kind}") == kind
    (tmp_path / "out").symlink_to(tmp_path)
    assert engine.kind("boss", "/out/file") == "gone", "a link of the container's leads to the host's files"
    assert engine.kind("boss", "/directory/file") == "gone"


@pytest.mark.parametrize(
    ("call", "path", "parameters"),
    [
        (lambda engine: engine.stop("boss", -1), "/containers/boss/stop", {"t": -1}),
        (lambda engine: engine.restart("boss", -1), "/containers/boss/restart", {"t": -1}),
        (
            lambda engine: engine.commit("boss", "agentops/kept:boss"),
            "/commit",
            {
                "container": "boss",
                "repo": "agentops/kept",
                "tag": "boss",
                "comment": "The writable layer that agentops.credentials.agent_mounts has kept at a recreation",
            },
        ),
    ],
)
def test_what_can_take_minutes_is_waited_for_longer(
    api: StubApi, engine: Engine, call: Callable[[Engine], None], path: str, parameters: dict[str, Any]
) -> None:
    """A program that has time without end, and a large layer."""
    api.answers |= {"_post": "answer", "_raise_for_status": None}
    call(engine)
    assert ("_post", (path,), {"params": parameters, "json": {}, "timeout": 360.0}) in api.calls
    assert ("_raise_for_status", ("answer",), {}) in api.calls


def test_a_network_without_settings_is_connected_without_any(api: StubApi, engine: Engine) -> None:
    api.answers["connect_container_to_network"] = None
    engine.connect("boss", "net", {"IPAMConfig": None, "Links": None})
    assert set(api.calls[0][2].values()) == {None}


class Files:
    """The file system of a container: directories, and what a path's archive holds."""

    def __init__(self, api: StubApi, directories: set[str], files: dict[str, bytes]) -> None:
        self.put: list[tuple[str, str, bytes]] = []
        self.directories, self.files = directories, files
        api.answers |= {"get_archive": self.get_archive, "put_archive": self.put_archive}
        tell_of_paths(api, lambda path: {"mode": 0} if path in self.files or path in self.directories else None)

    def get_archive(self, container: str, path: str) -> tuple[Iterator[bytes], dict[str, Any]]:
        if path in self.files:
            return (part for part in [packed((entry(path), self.files[path]))]), {}
        if path in self.directories:
            return (part for part in [packed((entry(path, tarfile.DIRTYPE), b""))]), {}
        raise NOT_FOUND

    def put_archive(self, container: str, path: str, archive: bytes) -> None:
        self.put.append((container, path, archive))

    def members(self) -> list[tuple[Any, ...]]:
        ((_container, _path, archive),) = self.put
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            contents = {i.name: opened.extractfile(i) for i in opened if i.isfile()}
            return [
                (
                    i.name,
                    i.type,
                    i.mode,
                    i.uid,
                    i.gid,
                    i.linkname,
                    file.read() if (file := contents.get(i.name)) else b"",
                )
                for i in opened
            ]


LINK = ("/home/agent/.claude/login.json", "/run/agent-auth/claude/login.json", 1000, 1001)


def link_entry(name: str) -> tuple[Any, ...]:
    return (name, tarfile.SYMTYPE, 0o777, 1000, 1001, LINK[1], b"")


def test_a_link_is_made_in_the_directory_that_is_there(api: StubApi, engine: Engine) -> None:
    files = Files(api, {"/home", "/home/agent", "/home/agent/.claude"}, {})
    engine.make_link("boss", *LINK)
    assert files.put[0][:2] == ("boss", "/home/agent/.claude")
    assert files.members() == [link_entry("login.json")]


@pytest.mark.parametrize(
    ("there", "base", "made"),
    [
        ({"/home", "/home/agent"}, "/home/agent", [".claude"]),
        ({"/home"}, "/home", ["agent", "agent/.claude"]),
        (set(), "/", ["home", "home/agent", "home/agent/.claude"]),
    ],
)
def test_missing_parents_of_a_link_are_the_agents_own(
    api: StubApi, engine: Engine, there: set[str], base: str, made: list[str]
) -> None:
    files = Files(api, there, {})
    engine.make_link("boss", *LINK)
    assert files.put[0][:2] == ("boss", base)
    assert files.members() == [
        *((name, tarfile.DIRTYPE, 0o700, 1000, 1001, "", b"") for name in made),
        link_entry(f"{made[-1]}/login.json"),
    ]


def test_a_login_in_the_place_of_a_link_is_kept(api: StubApi, engine: Engine) -> None:
    files = Files(api, {"/home/agent/.claude"}, {LINK[0]: b"fake-token-own"})
    engine.make_link("boss", *LINK)
    saved = ("login.json.before-agent-mounts", tarfile.REGTYPE, 0o600, 1000, 1001, "", b"fake-token-own")
    assert files.members() == [saved, link_entry("login.json")]


def test_what_was_kept_before_is_kept_too(api: StubApi, engine: Engine) -> None:
    kept = f"{LINK[0]}.before-agent-mounts"
    files = Files(api, {"/home/agent/.claude"}, {LINK[0]: b"fake-token-own", kept: b"1", f"{kept}.2": b"2"})
    engine.make_link("boss", *LINK)
    assert [member[0] for member in files.members()] == ["login.json.before-agent-mounts.3", "login.json"]
    files = Files(
        api, {"/home/agent/.claude"}, {LINK[0]: b"x", kept: b"1", **{f"{kept}.{n}": b"" for n in range(2, 21)}}
    )
    with pytest.raises(EngineError, match="20 files are kept at"):
        engine.make_link("boss", *LINK)
    assert files.put == []


def test_what_is_too_large_for_a_login_is_not_replaced(api: StubApi, engine: Engine) -> None:
    files = Files(api, {"/home/agent/.claude"}, {LINK[0]: b"x" * (1 << 20)})
    with pytest.raises(EngineError, match="too large for a login"):
        engine.make_link("boss", *LINK)
    assert files.put == []


def test_an_empty_file_in_the_place_of_a_link_is_not_kept(api: StubApi, engine: Engine) -> None:
    files = Files(api, {"/home/agent/.claude"}, {LINK[0]: b""})
    engine.make_link("boss", *LINK)
    assert files.members() == [link_entry("login.json")]


# the writable layer


@pytest.mark.parametrize(
    ("address", "driver", "there", "is_reached"),
    [
        (SOCKET, "overlay2", True, True),
        (SOCKET, "overlay2", False, False),
        (SOCKET, "btrfs", True, False),
        ("tcp://192.0.2.23:2376", "overlay2", True, False),
    ],
    ids=["local overlay2", "not on this host", "another driver", "an engine elsewhere"],
)
def test_a_layer_is_reached_only_where_it_is_a_directory_of_this_host(
    api: StubApi, tmp_path: pathlib.Path, address: str, driver: str, there: bool, is_reached: bool
) -> None:
    directory = str(tmp_path if there else tmp_path / "elsewhere")
    api.answers["inspect_container"] = {"GraphDriver": {"Name": driver, "Data": {"UpperDir": directory}}}
    assert Engine(address, None, timeout=7).layer_directory("boss") == (directory if is_reached else None)


def test_an_engine_with_containerds_store_names_no_layer(api: StubApi, engine: Engine) -> None:
    api.answers["inspect_container"] = {"Storage": {"RootFS": {"Snapshot": {"Name": "overlayfs"}}}}
    assert engine.layer_directory("boss") is None


def test_a_layer_is_copied_between_the_directories_of_two_containers(
    api: StubApi, engine: Engine, tmp_path: pathlib.Path
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "old/kept").write_text("kept")
    api.answers["inspect_container"] = lambda name: {
        "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": str(tmp_path / name)}}
    }
    engine.copy_layer("old", "new")
    assert (tmp_path / "new/kept").read_text() == "kept"
