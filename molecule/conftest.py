"""The agents of a scenario's user, and the host's journal in the report of a failure."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import testinfra.host

from testbed.hosts import Agents


@pytest.fixture
def agents(host: testinfra.host.Host, request: pytest.FixtureRequest) -> Agents:
    """The agents of the user who is named like the scenario."""
    return Agents(host, request.path.parent.parent.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the mirror's journal to the report of a failure."""
    report = yield
    agents = getattr(item, "funcargs", {}).get("agents")
    if report.failed and isinstance(agents, Agents):
        journal = agents.host.run("journalctl --no-pager --lines 60 | grep -e creds-mirror -e systemd -e docker")
        report.sections.append(("journal of the host", journal.stdout))
    return report
