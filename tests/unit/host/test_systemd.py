"""What systemd is asked, word by word: a program on PATH stands in for systemctl, systemd-run and loginctl."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Record
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host import systemd
from ansible_collections.agentops.credentials.plugins.module_utils._host.systemd import Manager
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

MAX = User("max", 4711, 4712, "/home/max")
TRIAL = f"creds-mirror-trial-{os.getpid()}.service"
SHOW = "show --property=Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ExecMainStatus"

PROGRAM = f"""\
#!{sys.executable} -IS
import json, os, pathlib, sys
home = pathlib.Path(__file__).parent
command = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HOME", "USER", "LOGNAME")
with (home / "calls").open("a") as calls:
    calls.write(json.dumps([command, {{name: os.environ.get(name) for name in names}}]) + "\\n")
answers = json.loads((home / "answers").read_text())
status, output, errors = answers.get(command, [99, "", f"unexpected: {{command}}\\n"])
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(status)
"""


@dataclass
class Programs:
    """The programs of systemd: answers as command line → (exit status, standard output, standard error)."""

    directory: pathlib.Path
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def answer(self, command: str, status: int = 0, output: str = "", errors: str = "") -> None:
        self.answers[command] = (status, output, errors)
        (self.directory / "answers").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[tuple[str, dict[str, str | None]]]:
        log = self.directory / "calls"
        return [(line[0], line[1]) for line in map(json.loads, log.read_text().splitlines())] if log.exists() else []

    @property
    def commands(self) -> list[str]:
        return [command for command, _environment in self.calls]


@pytest.fixture
def programs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("systemctl", "systemd-run", "loginctl"):
        (directory / name).write_text(PROGRAM)
        (directory / name).chmod(0o755)
    (directory / "answers").write_text("{}")
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    return Programs(directory)


@pytest.fixture
def linger(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The directory in which systemd keeps who lingers."""
    directory = tmp_path / "linger"
    directory.mkdir()
    monkeypatch.setattr(systemd, "_LINGER", str(directory))
    return directory


# asking


def test_the_users_systemd_is_asked_in_the_users_environment(programs: Programs) -> None:
    programs.answer("systemctl --user is-enabled a.path b.service", output="enabled\n")
    manager = Manager("user", MAX)
    assert manager.run("is-enabled", "a.path", "b.service") == "enabled\n"
    environment = {
        "XDG_RUNTIME_DIR": "/run/user/4711",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/4711/bus",
        "HOME": "/home/max",
        "USER": "max",
        "LOGNAME": "max",
    }
    assert programs.calls == [("systemctl --user is-enabled a.path b.service", environment)]
    assert manager.socket == "/run/user/4711/systemd/private"


def test_the_hosts_systemd_is_asked_as_the_run_is(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    programs.answer("systemctl daemon-reload")
    manager = Manager("system", MAX)
    assert manager.run("daemon-reload") == ""
    ((command, environment),) = programs.calls
    assert (command, environment["HOME"], environment["XDG_RUNTIME_DIR"]) == (
        "systemctl daemon-reload",
        "/root",
        "/run/user/0",
    )
    assert manager.socket == "/run/systemd/private"


def test_a_command_that_fails_is_an_error_but_where_it_may(programs: Programs) -> None:
    programs.answer("systemctl --user start a.service", 1, "said\n", "Unit a.service not found.\n")
    manager = Manager("user", MAX)
    with pytest.raises(HostError) as caught:
        manager.run("start", "a.service")
    assert str(caught.value) == "systemctl --user start a.service failed: Unit a.service not found."
    assert manager.run("start", "a.service", fails=True) == "said\n"


def test_a_host_without_systemd_is_named(programs: Programs) -> None:
    (programs.directory / "systemctl").unlink()
    with pytest.raises(HostError, match=r"^this host has no systemctl; the mirror needs systemd\.$"):
        Manager("system", MAX).run("daemon-reload")


def test_a_command_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], timeout: int, **_settings: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(HostError) as caught:
        Manager("user", MAX).run("start", "a.service")
    assert str(caught.value) == "systemctl --user start a.service did not end within 120 seconds; look at the host."


def test_properties_come_by_the_names_that_were_asked_for(programs: Programs) -> None:
    output = (
        "Id=a.path\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"
        "\n"
        "Id=b.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\nExecMainStatus=0\n"
    )
    programs.answer(f"systemctl --user {SHOW} a.path b.service", output=output)
    shown = Manager("user", MAX).show(("a.path", "b.service"))
    assert set(shown) == {"a.path", "b.service"}
    assert (shown["a.path"]["ActiveState"], shown["a.path"]["NeedDaemonReload"]) == ("active", "no")
    assert (shown["b.service"]["LoadState"], shown["b.service"]["UnitFileState"]) == ("not-found", "")


# trying a sandbox

SANDBOX = ("ProtectSystem=strict", "PrivateTmp=yes")


def trial(user: str = "") -> str:
    settings = " ".join(f"--property={setting}" for setting in ("Type=oneshot", *SANDBOX))
    return f"systemd-run {user}--quiet --unit={TRIAL} {settings} true"


@pytest.mark.parametrize(("scope", "user"), [("user", "--user "), ("system", "")])
def test_a_sandbox_is_tried_with_a_service_that_is_not_kept(programs: Programs, scope: str, user: str) -> None:
    programs.answer(trial(user))
    assert Manager(scope, MAX).can(SANDBOX)
    assert programs.commands == [trial(user)]


@pytest.mark.parametrize("status", systemd.NO_SANDBOX)
def test_a_sandbox_that_cannot_be_made_is_told_from_the_exit_status(programs: Programs, status: int) -> None:
    programs.answer(trial("--user "), 1, errors="Job failed.\n")
    programs.answer(f"systemctl --user {SHOW} {TRIAL}", output=f"Id={TRIAL}\nExecMainStatus={status}\n")
    programs.answer(f"systemctl --user reset-failed {TRIAL}", 1, errors="not loaded\n")
    assert not Manager("user", MAX).can(SANDBOX)
    assert programs.commands == [
        trial("--user "),
        f"systemctl --user {SHOW} {TRIAL}",
        f"systemctl --user reset-failed {TRIAL}",
    ]


@pytest.mark.parametrize("shown", ["ExecMainStatus=1\n", "ExecMainStatus=\n", "LoadState=not-found\n"])
def test_another_failure_of_the_trial_is_no_answer(programs: Programs, shown: str) -> None:
    programs.answer(trial(), 1, errors="Failed to connect to bus\n")
    programs.answer(f"systemctl {SHOW} {TRIAL}", output=shown)
    programs.answer(f"systemctl reset-failed {TRIAL}")
    with pytest.raises(HostError, match=r"^systemd-run failed: Failed to connect to bus$"):
        Manager("system", MAX).can(SANDBOX)


# lingering

ENABLE = "loginctl --no-ask-password enable-linger max"


def test_lingering_is_enabled_once(programs: Programs, linger: pathlib.Path) -> None:
    programs.answer(ENABLE)
    record = Record(check_mode=False)
    systemd.ensure_linger(record, MAX)
    assert (programs.commands, record.changes) == ([ENABLE], ["enabled lingering of max"])
    (linger / "max").touch()
    record = Record(check_mode=False)
    systemd.ensure_linger(record, MAX)
    assert (programs.commands, record.changes) == ([ENABLE], [])


def test_check_mode_enables_no_lingering(programs: Programs, linger: pathlib.Path) -> None:
    record = Record(check_mode=True)
    systemd.ensure_linger(record, MAX)
    assert (programs.commands, record.changes) == ([], ["enabled lingering of max"])
    assert record.diff[0]["before_header"] == str(linger / "max")


@pytest.mark.parametrize(
    ("is_there", "reason"), [(True, "Interactive authentication required."), (False, "FileNotFoundError")]
)
def test_lingering_that_cannot_be_enabled_is_refused_with_the_fix(
    programs: Programs, linger: pathlib.Path, is_there: bool, reason: str
) -> None:
    programs.answer(ENABLE, 1, errors="Interactive authentication required.\n")
    if not is_there:
        (programs.directory / "loginctl").unlink()
    with pytest.raises(HostError) as caught:
        systemd.ensure_linger(Record(check_mode=False), MAX)
    assert str(caught.value) == (
        f"max has no systemd instance on this host, and it cannot be started ({reason}); "
        "run 'loginctl enable-linger max' as root once, or set creds_mirror_scope to system."
    )


def test_the_users_systemd_is_awaited_for_a_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager("user", MAX)
    manager.socket = str(tmp_path / "private")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (tmp_path / "private").touch()

    monkeypatch.setattr("time.sleep", sleep)
    systemd.await_manager(manager)
    assert len(waits) == 3
    manager.socket = str(tmp_path / "never")
    monkeypatch.setattr(systemd, "_MANAGER_SECONDS", 0.05)
    with pytest.raises(HostError) as caught:
        systemd.await_manager(manager)
    assert str(caught.value) == (
        f"max has no systemd instance on this host ({tmp_path}/never does not exist); "
        "install libpam-systemd and dbus-user-session, or set creds_mirror_scope to system."
    )
