"""The real agent CLIs of the host, whose open processes end with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import testinfra.host

from testbed.real_clients import Clients


@pytest.fixture
def clients(host: testinfra.host.Host) -> Iterator[Clients]:
    clients = Clients(host)
    yield clients
    for conversation in clients.conversations:
        conversation.close()
