"""The host's own real client renews the login by the real timer's service, and no accepted refresh token is sent twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.hosts import Agents, wait_until
from testbed.real_clients import HOME, SOURCES, Clients

CLIENTS = ("claude", "claude-2.1.268")
TRIES = 10 if os.environ.get("FULL") == "1" else 3
SOON = 6  # seconds to the end; what lives so short is renewed half-way


class Host:
    """The user's client on the host, and what the vendor does when it renews."""

    def __init__(self, clients: Clients, client: str) -> None:
        self.clients, self.agents, self.client = clients, Agents(clients.host, "clients"), client
        self.cli = clients.cli(client)
        self.service = f"{self.cli}-creds-keep-warm.service"
        path, _way = SOURCES[self.cli]
        self.login, self.published = f"{HOME}/{path}", f"{clients.directory(self.cli)}/{path.rsplit('/')[-1]}"

    def install(self) -> None:
        program = f"/opt/clients/bin/{self.client} ~/.local/bin/{self.cli}"
        self.clients.host.check_output(f"runuser -u clients -- sh -c 'mkdir -p ~/.local/bin && ln -sfn {program}'")

    def remove(self) -> None:
        self.clients.host.check_output(f"rm -f {HOME}/.local/bin/{self.cli} {HOME}/vendors/renewal.json")

    def vendor(self, **renewal: Any) -> None:
        path = f"{HOME}/vendors/renewal.json"
        self.clients.host.check_output("printf %%s %s > %s.new && mv %s.new %s", json.dumps(renewal), path, path, path)

    def keep_warm(self, *options: str) -> None:
        self.agents.systemctl("start", *options, self.service)

    def holds_renewed(self, path: str, serial: int) -> bool:
        return f"fake-token-access-{serial + 1000:06d}" in self.clients.host.file(path).content_string

    def wait_until_renewed(self, serial: int) -> None:
        """By the client's own tries, or the next ones of the service."""
        wait_until(lambda: self.holds_renewed(self.published, serial), f"login {serial} is not renewed", 150)

    def life(self) -> dict[str, Any]:
        return self.clients.status(self.cli)

    def renewals(self, since: int) -> list[tuple[int, int]]:
        """(serial of the refresh token, status) of each request that sent one."""
        return [
            (token[2], request.status)
            for request in self.clients.requests(since)
            for token in request.tokens
            if token[:2] == ("refresh", self.cli)
        ]


@pytest.fixture
def kept(clients: Clients, request: pytest.FixtureRequest) -> Iterator[Host]:
    host = Host(clients, getattr(request, "param", "claude"))
    host.vendor(delay=0.4)
    host.install()
    yield host
    host.remove()


@pytest.mark.parametrize("kept", CLIENTS, indirect=True)
def test_it_is_renewed_at_every_try(kept: Host) -> None:
    """On 0.2.0, by `claude auth status`, 2.1.268 lost every new login: clients.md, section 9."""
    mark = kept.clients.mark()
    serials = []
    for _try in range(TRIES):
        serials.append(kept.clients.log_in(kept.cli, seconds=SOON))
        kept.keep_warm()
        kept.wait_until_renewed(serials[-1])
    assert kept.renewals(mark) == [(serial, 200) for serial in serials]
    assert kept.life()["healthy"] is True


@pytest.mark.parametrize("ends", ["its service", "the systemd of its user"])
def test_what_ends_in_the_middle_of_a_renewal_waits_until_the_new_login_is_saved(kept: Host, ends: str) -> None:
    """At a logout or a shutdown. The refresh token is spent by then."""
    kept.vendor(delay=4)
    mark = kept.clients.mark()
    serial = kept.clients.log_in(kept.cli, seconds=SOON)
    kept.keep_warm("--no-block")
    asked = kept.clients.host.file(f"{HOME}/vendors/asked")
    wait_until(lambda: asked.exists and asked.content_string == str(serial), "the vendor is not asked", 60)
    if ends == "its service":
        kept.agents.systemctl("stop", kept.service)
    else:
        unit = kept.clients.host.check_output("echo user@$(id -u clients).service")
        kept.clients.host.check_output("systemctl stop %s && systemctl start %s", unit, unit)
    assert kept.holds_renewed(kept.login, serial)
    assert kept.renewals(mark) == [(serial, 200)]
    kept.wait_until_renewed(serial)


def test_two_refusals_of_the_vendor_are_made_good(kept: Host) -> None:
    kept.vendor(failures=2, answer=503)
    mark = kept.clients.mark()
    serial = kept.clients.log_in(kept.cli, seconds=SOON)
    kept.keep_warm("--no-block")
    kept.wait_until_renewed(serial)
    assert kept.renewals(mark) == [(serial, 503), (serial, 503), (serial, 200)]
    assert kept.life()["healthy"] is True


def test_a_vendor_that_cannot_be_reached_is_asked_again(kept: Host) -> None:
    kept.clients.host.check_output("systemctl stop clients-vendors.service")
    serial = kept.clients.log_in("claude", seconds=SOON)
    kept.keep_warm("--no-block")
    try:
        wait_until(lambda: kept.life()["state"] in ("ending", "ended"), "the failure is not told", 60)
    finally:
        kept.clients.host.check_output("systemctl start clients-vendors.service")
    kept.keep_warm("--no-block")
    kept.wait_until_renewed(serial)


def test_a_rejected_refresh_token_is_sent_once_and_a_person_is_asked(kept: Host) -> None:
    kept.vendor(failures=100, answer=400)
    mark = kept.clients.mark()
    serial = kept.clients.log_in(kept.cli, seconds=SOON)
    kept.keep_warm()
    assert kept.life()["state"] in ("log_in", "ended") and "rejected" in kept.life()["login"]
    sent = kept.renewals(mark)
    assert sent and {one[0] for one in sent} == {serial}
    kept.keep_warm()
    assert kept.renewals(mark) == sent
    kept.vendor(delay=0.4)
    kept.clients.log_in(kept.cli)
    assert kept.life()["state"] == "good"


def test_a_containers_process_goes_on_past_the_end_of_the_old_token(kept: Host) -> None:
    serial = kept.clients.log_in("claude", seconds=40)
    end = time.monotonic() + 41
    conversation = kept.clients.open("claude")
    pid, answer = conversation.ask()
    assert kept.clients.serial_in(answer) == serial
    mark = kept.clients.mark()
    kept.keep_warm()
    kept.wait_until_renewed(serial)
    time.sleep(max(0, end - time.monotonic()))
    assert conversation.ask() == (pid, f"serial {serial + 1000:06d}")
    assert 401 not in [request.status for request in kept.clients.requests(mark) if request.host == "127.0.0.1"]
