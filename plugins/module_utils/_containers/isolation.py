# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each agent for itself: what one agent's part of a run raises becomes that agent's failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping, TypeVar

from .._base.errors import AgentMountsError, ConfigError, unexpected
from .._base.printable import printable

_Value = TypeVar("_Value")


@dataclass
class Failures:
    """Agent → why it is not served. The others are."""

    sentences: dict[str, str] = field(default_factory=dict)

    def attempt(self, agent: str, work: Callable[[], _Value]) -> _Value | None:
        """The value of ``work``; ``None`` if it failed, which is noted."""
        try:
            return work()
        except ConfigError as error:
            self.add(agent, *error.faults)
        except AgentMountsError as error:
            self.add(agent, str(error))
        except Exception as error:
            self.add(agent, unexpected(error))
        return None

    def gather(self, works: Iterable[tuple[str, Callable[[], Iterable[_Value]]]]) -> list[_Value]:
        """All that the works of agents give, but for those that failed."""
        return [value for agent, work in works for value in self.attempt(agent, work) or ()]

    def add(self, agent: str, *sentences: str) -> None:
        """Note sentences, each of which begins with the agent's name."""
        begin = f"{agent}: "
        named = [printable(one if one.startswith(begin) else begin + one, limit=1200) for one in sentences]
        before = self.sentences.get(agent)
        self.sentences[agent] = " ".join([before, *named] if before else named)

    def __contains__(self, agent: object) -> bool:
        return agent in self.sentences

    def __iter__(self) -> Iterator[str]:
        return iter(self.sentences.values())

    def __bool__(self) -> bool:
        return bool(self.sentences)


def with_failures(
    agents: Mapping[str, dict[str, Any] | None], failures: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Every agent with ``failed``, and with ``failure``; those of which nothing else is known among them."""
    names = dict.fromkeys((*agents, *failures))
    return {
        name: {**(agents.get(name) or {}), "failed": name in failures, "failure": failures.get(name)} for name in names
    }


def failure_message(agents: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What the module says at its end when agents failed; ``None`` if none did.

    :param agents: as :func:`with_failures` returns them.
    """
    failures = [agent["failure"] for agent in agents.values() if agent["failed"]]
    count = f"{len(failures)} of {len(agents)} agents failed; the others are served."
    return "\n".join([*failures, count]) if failures else None
