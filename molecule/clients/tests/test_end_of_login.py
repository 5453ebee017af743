"""When a login ends is read from the file of each real CLI; where whoever reads it renews it, its end is none."""

from __future__ import annotations

import datetime

import pytest

from testbed.real_clients import SOURCES, Clients

NO_END = ("gemini", "copilot")


@pytest.mark.parametrize("cli", SOURCES)
def test_the_end_of_a_login_is_known(clients: Clients, cli: str) -> None:
    before = datetime.datetime.now(datetime.UTC)
    clients.log_in(cli, seconds=3600)
    status = clients.status(cli)
    assert status["state"] == "good"
    if cli in NO_END:
        assert status["ends_at"] is None
    else:
        end = datetime.datetime.strptime(status["ends_at"], "%Y-%m-%dT%H:%M:%S%z")
        assert 3595 < (end - before).total_seconds() < 3700


@pytest.mark.parametrize("cli", SOURCES)
def test_an_ended_login_is_told_but_one_that_its_readers_renew(clients: Clients, cli: str) -> None:
    clients.log_in(cli, seconds=-60)
    assert clients.status(cli)["state"] == ("good" if cli in NO_END else "ended")
    clients.log_in(cli)
