# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping a login warm with a client that is a shell script, and what a person learns."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pwd
import signal
import subprocess
import tempfile
import time

import pytest
import yaml

from .conftest import END, PROGRAM, Clock, Site, creds_mirror, login


def in_seconds(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


@pytest.fixture
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The home directory of the user, for the program; its login shell finds nothing of its own."""
    place = tmp_path / "home"
    place.mkdir()
    user = pwd.getpwuid(os.geteuid())
    fake = pwd.struct_passwd((user.pw_name, "x", user.pw_uid, user.pw_gid, "", str(place), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: fake)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("NVM_DIR", raising=False)
    return place


class Client:
    """A program ``claude`` that keeps what it was called with, and saves what it is given."""

    def __init__(self, path: pathlib.Path, site: Site, version: str = "2.1.331") -> None:
        self.calls = path.parent / f"calls-{version}"
        self.new = path.parent / f"refreshed-{version}"
        self.does = path.parent / f"does-{version}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"""#!/bin/sh
case $1 in --version) echo "{version} (Claude Code)"; exit;; esac
{{ echo "$*"; pwd; ls -A; ls -A "$CLAUDE_CONFIG_DIR"; env; }} >>{self.calls}
echo call >>{self.calls}
: >"$CLAUDE_CONFIG_DIR/.claude.json"
[ ! -e {self.new} ] || mv {self.new} "$CLAUDE_SECURESTORAGE_CONFIG_DIR/.credentials.json"
echo fake-token-secret
[ ! -e {self.does} ] || . {self.does}
"""
        )
        path.chmod(0o755)
        self.path = path
        site.config["keep_warm"] = ["claude", "mcp", "list"]

    @property
    def times(self) -> int:
        return self.calls.read_text().splitlines().count("call") if self.calls.exists() else 0


@pytest.fixture
def client(home: pathlib.Path, site: Site, moment: Clock) -> Client:
    return Client(home / ".local/bin/claude", site)


def test_a_login_that_lasts_is_left_alone(site: Site, client: Client) -> None:
    site.write(login(expires=in_seconds(3600)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 0


@pytest.mark.parametrize("seconds", [200, -200])
def test_a_login_that_ends_soon_is_renewed(
    site: Site, client: Client, seconds: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "fake-token-masking")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/ca.pem")
    site.config["keep_warm_environment"] = {"SSL_CERT_FILE": "/own.pem"}
    client.new.write_bytes(login("0002", expires=in_seconds(8 * 3600)))
    site.write(login(expires=in_seconds(seconds)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 1
    assert site.source.read_bytes().count(b"0002")
    said = capfd.readouterr()
    assert "renewed its login" in said.err and "fake" not in said.err + said.out
    # The form that was measured: the user's store, but an empty configuration and working directory.
    command, directory, *rest = client.calls.read_text().splitlines()
    assert command == "mcp list"
    environment = dict(line.partition("=")[::2] for line in rest if "=" in line)
    assert not [line for line in rest if "=" not in line and line != "call"], "both directories are empty"
    assert environment["CLAUDE_SECURESTORAGE_CONFIG_DIR"] == str(site.source.parent)
    for path in directory, environment["CLAUDE_CONFIG_DIR"]:
        assert path.startswith(tempfile.gettempdir()) and not os.path.exists(path)
    assert "ANTHROPIC_API_KEY" not in environment
    assert environment["HTTPS_PROXY"] == "http://proxy:1" and environment["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
    assert environment["SSL_CERT_FILE"] == "/own.pem"
    assert environment["PATH"].split(":")[0] == str(client.path.parent)


FAILURES: dict[str, tuple[str, str]] = {
    "fails": ("exit 1", "ended with status 1"),
    "does nothing": ("exit 0", "did not renew the login"),
    "does not end": ("sleep 60", "did not end within 2 seconds"),
    "does not end when asked to": ("trap '' TERM; sleep 60; sleep 60", "did not end within 2 seconds"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_client_that_fails_is_reported_once_and_tried_again(
    site: Site,
    client: Client,
    moment: Clock,
    case: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    does, words = FAILURES[case]
    # Long enough for its --version on a busy machine.
    monkeypatch.setattr(creds_mirror, "CLIENT_SECONDS", 2 if "not end" in case else 60)
    monkeypatch.setattr(creds_mirror, "RETRY_SECONDS", (30, 600))
    client.does.write_text(does)
    site.write(login(expires=in_seconds(60)))
    site.publish()
    moment.sleep(50)
    assert creds_mirror.keep_warm(site.config) == 75
    assert client.times == 2
    for _time in range(3):
        assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 2
    assert words in site.state["renewal"]["reason"] and site.state["renewal"]["failures"] == 2
    said = capfd.readouterr().err
    assert said.count(words) == 1 and "fake" not in said
    monkeypatch.setattr(creds_mirror, "CLIENT_SECONDS", 60)
    client.does.unlink()
    client.new.write_bytes(login("0003", expires=in_seconds(8 * 3600)))
    moment.sleep(600)
    assert creds_mirror.keep_warm(site.config) == 0
    assert site.state["renewal"] is None


@pytest.mark.parametrize("how", ["blanked", "printed"])
def test_a_rejected_refresh_token_is_not_sent_again(
    site: Site, client: Client, moment: Clock, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if how == "blanked":
        client.new.write_bytes(login("", accessToken="", refreshToken="", expires=0))
        client.does.write_text("exit 1")
    else:
        client.does.write_text('echo "error: invalid_grant"; exit 1')
    site.write(login(expires=in_seconds(60)))
    site.publish()
    assert creds_mirror.keep_warm(site.config) == 77
    assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 1
    assert "rejected its refresh token; log in again" in capfd.readouterr().err
    moment.sleep(10)
    site.publish(verify=True)
    assert site.state["life"]["state"] == "log_in"
    site.write(login("0003", expires=in_seconds(-60)))
    creds_mirror.keep_warm(site.config)
    assert client.times > 1, "another login is tried"


def test_two_never_renew_at_once(site: Site, client: Client) -> None:
    site.write(login(expires=in_seconds(60)))
    with creds_mirror.Mirror(site.config) as mirror:
        assert mirror.only_refresher() is not None
        assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 0


def test_the_lock_lives_as_long_as_the_client(site: Site, client: Client) -> None:
    """Whoever kills our program leaves a client that may be about to save a login."""
    client.does.write_text("sleep 30")
    site.write(login(expires=in_seconds(60)))
    child = os.fork()
    if child == 0:
        creds_mirror.keep_warm(site.config)
        os._exit(0)
    end = time.monotonic() + 20
    while client.times == 0:
        assert time.monotonic() < end
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert creds_mirror.keep_warm(site.config) == 0
    assert client.times == 1
    running = subprocess.run(["pgrep", "--full", str(client.path)], capture_output=True, text=True, check=True).stdout
    for pid in running.split():
        os.killpg(int(pid), signal.SIGKILL)
        while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            time.sleep(0.01)  # it holds the lock until its end
    inode = (site.staging / "keep-warm.lock").stat().st_ino
    left = pathlib.Path(tempfile.gettempdir())
    assert len(list(left.glob(f"creds-mirror-{inode}-*"))) == 1
    client.does.unlink()
    client.new.write_bytes(login("0002", expires=in_seconds(8 * 3600)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert not list(left.glob(f"creds-mirror-{inode}-*")), "the next run sweeps what was left"


def test_a_client_that_is_at_work_is_not_ended_with_the_program(site: Site, client: Client) -> None:
    """The refresh token is spent by then: what the vendor answers must be saved, at a logout or a shutdown too."""
    new = site.source.with_name("answer")
    new.write_bytes(login("0002", expires=in_seconds(60)))  # due again at once
    client.does.write_text(f"sleep 1; [ ! -e {new} ] || mv {new} {site.source}")
    site.write(login(expires=in_seconds(60)))
    child = os.fork()
    if child == 0:
        os._exit(creds_mirror.keep_warm(site.config))
    end = time.monotonic() + 20
    while client.times == 0:
        assert time.monotonic() < end
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"0002" in site.source.read_bytes()
    assert client.times == 1, "it ends then, and does not begin anew"
    assert site.state["counts"]["renewed"] == 1


def test_no_renewal_is_begun_once_the_program_is_told_to_end(site: Site, client: Client) -> None:
    asked = client.path.with_name("asked")
    client.path.write_text(client.path.read_text().replace("exit;;", f"touch {asked}; sleep 1; exit;;"))
    site.write(login(expires=in_seconds(60)))
    child = os.fork()
    if child == 0:
        with contextlib.suppress(SystemExit):
            creds_mirror.keep_warm(site.config)
        os._exit(0)
    end = time.monotonic() + 20
    for _version in ("when the client is looked for", "before the renewal"):
        while not asked.exists():
            assert time.monotonic() < end
        asked.unlink()
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.times == 0
    inode = (site.staging / "keep-warm.lock").stat().st_ino
    assert not list(pathlib.Path(tempfile.gettempdir()).glob(f"creds-mirror-{inode}-*"))


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ([], "there is no program claude on this host"),
        (
            ["2.1.140"],
            "it takes 2.1.145 or newer to renew a login without losing it, and {home}/.local/bin/claude is 2.1.140",
        ),
        (["nothing"], "{home}/.local/bin/claude does not tell its version"),
    ],
)
def test_without_a_client_that_can_do_it_nothing_is_tried(
    site: Site, home: pathlib.Path, moment: Clock, versions: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    site.config["keep_warm"] = ["claude", "mcp", "list"]
    clients = [Client(home / ".local/bin/claude", site, version) for version in versions]
    site.write(login(expires=in_seconds(60)))
    assert creds_mirror.keep_warm(site.config) == 75
    assert words.format(home=home) in capfd.readouterr().err
    assert not any(one.times for one in clients)


def test_which_client_renews_is_known_before_it_is_needed(
    site: Site, home: pathlib.Path, tmp_path: pathlib.Path, moment: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run says it long before the login ends; what is known is looked up again after an hour, or when asked."""
    site.config["keep_warm"] = ["claude", "mcp", "list"]
    site.write(login(expires=in_seconds(3600 * 7)))
    site.publish()
    assert creds_mirror.keep_warm(site.config) == 0
    assert site.state["client"]["problem"] == "there is no program claude on this host"
    assert "; nobody can renew it: there is no program claude on this host" in site.state["life"]["sentence"]
    assert site.state["life"]["well"] is True
    client = Client(home / ".local/bin/claude", site)
    assert creds_mirror.keep_warm(site.config) == 0
    assert site.state["client"]["path"] is None
    moment.sleep(3601)
    assert creds_mirror.keep_warm(site.config) == 0
    assert site.state["client"]["path"] == str(client.path)
    assert "nobody" not in site.state["life"]["sentence"]
    assert client.times == 0
    client.path.unlink()
    path = tmp_path / "claude.json"
    path.write_text(json.dumps(site.config))
    assert creds_mirror.main(["client", str(path)]) == 1
    assert capsys.readouterr().out == "claude: there is no program claude on this host\n"
    client = Client(home / "bin/claude", site)
    assert creds_mirror.main(["client", str(path)]) == 0
    assert capsys.readouterr().out == f"claude: {client.path} renews it\n"
    assert site.state["client"]["path"] == str(client.path)


def test_an_old_client_is_passed_over_for_a_newer_one(site: Site, home: pathlib.Path, moment: Clock) -> None:
    old = Client(home / ".local/bin/claude", site, "2.1.9")
    new = Client(home / ".nvm/versions/node/v22.1.0/bin/claude", site, "2.1.145")
    new.new.write_bytes(login("0002", expires=in_seconds(8 * 3600)))
    site.write(login(expires=in_seconds(60)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert (old.times, new.times) == (0, 1)


PLACES = {
    "the login shell's PATH": (".profile", 'export PATH="$HOME/elsewhere/bin:$PATH"; echo noise', "elsewhere/bin"),
    "a profile that fails": (".profile", "echo PATH=/nowhere; exit 3", ".local/bin"),
    "~/.local/bin": (None, "", ".local/bin"),
    "~/.claude/local": (None, "", ".claude/local"),
    "npm's prefix": (".npmrc", "registry=x\nprefix=~/.my-npm\n", ".my-npm/bin"),
    "npm's prefix by a variable": (".npmrc", "prefix = ${HOME}/.my-npm", ".my-npm/bin"),
    "nvm": (None, "", ".nvm/versions/node/v20.9.0/bin"),
}


@pytest.mark.parametrize("case", PLACES)
def test_the_client_is_found_as_the_user_finds_it(home: pathlib.Path, site: Site, case: str) -> None:
    name, text, directory = PLACES[case]
    if name:
        (home / name).write_text(text)
    client = Client(home / directory / "claude", site)
    assert str(client.path) in creds_mirror.find_clients("claude")
    assert creds_mirror.find_clients("claude")[0] == str(client.path)
    assert creds_mirror.find_clients(str(client.path)) == [str(client.path)]
    assert creds_mirror.find_clients("no-such-program") == creds_mirror.find_clients("/nowhere/claude") == []


def test_the_newest_node_of_nvm_comes_first_and_no_program_twice(home: pathlib.Path, site: Site) -> None:
    for version in ("v9.0.0", "v22.1.0", "v20.11.1"):
        Client(home / f".nvm/versions/node/{version}/bin/claude", site)
    (home / "bin").mkdir()
    (home / "bin/claude").symlink_to(home / ".nvm/versions/node/v9.0.0/bin/claude")
    found = [path.removeprefix(f"{home}/") for path in creds_mirror.find_clients("claude")]
    nvm = ".nvm/versions/node"
    assert found == ["bin/claude", f"{nvm}/v22.1.0/bin/claude", f"{nvm}/v20.11.1/bin/claude"]


def test_status_tells_health_and_no_secret(
    site: Site, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "claude.json"
    path.write_text(json.dumps(site.config))
    assert creds_mirror.main(["status", str(path)]) == 1
    assert "there is no login yet" in capsys.readouterr().out
    site.write(login())
    assert creds_mirror.main(["status", str(path)]) == 1
    assert "what is published is not what the source holds" in capsys.readouterr().out
    assert creds_mirror.main(["publish", str(path)]) == 0
    assert creds_mirror.main(["status", str(path)]) == 0
    out = capsys.readouterr().out
    assert "claude: healthy" in out and f"good until {creds_mirror.utc(END / 1000)}" in out and "fake" not in out
    site.write(b"{}")
    assert creds_mirror.main(["verify", str(path)]) == 75
    assert creds_mirror.main(["status", str(path)]) == 1
    assert "refused since" in capsys.readouterr().out


def test_status_is_data_too(
    site: Site, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], moment: Clock
) -> None:
    path = tmp_path / "claude.json"
    path.write_text(json.dumps(site.config))
    site.write(login(expires=in_seconds(7200), refreshTokenExpiresAt=in_seconds(2 * 86400)))
    site.publish()
    assert creds_mirror.main(["status", "--json", str(path)]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["healthy"] is True and report["problems"] == []
    assert report["state"] == "log_in" and report["login"].startswith("log in again before ")
    assert report["ends_at"] and report["refresh_ends_at"] and report["kept_warm"] is False
    moment.sleep(3 * 3600)
    assert creds_mirror.main(["status", "--json", str(path)]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["healthy"], report["state"]) == (False, "ended")
    site.source.with_name(f"{site.source.name}.rotate.77").touch()
    creds_mirror.main(["status", "--json", str(path)])
    (report,) = json.loads(capsys.readouterr().out)
    assert "a killed rotation has left" in report["problems"][-1]


def test_the_version_is_the_collections(capsys: pytest.CaptureFixture[str]) -> None:
    galaxy = yaml.safe_load((PROGRAM.parents[3] / "galaxy.yml").read_text())
    assert creds_mirror.main(["--version"]) == 0
    assert capsys.readouterr().out == f"creds-mirror {galaxy['version']}\n"


@pytest.mark.parametrize("is_journal", [True, False])
def test_only_the_journal_is_given_priorities(
    site: Site, is_journal: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    error = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{error.st_dev}:{error.st_ino + (not is_journal)}")
    site.write(b"")
    site.publish()
    assert capfd.readouterr().err.startswith("<4>claude: " if is_journal else "claude: ")


@pytest.mark.parametrize("arguments", [[], ["publish"], ["nonsense", "x"], ["publish", "/nowhere.json"]])
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert creds_mirror.main(arguments) == 78
    assert capsys.readouterr().err
