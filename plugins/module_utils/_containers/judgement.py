# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an agent can work now, by what was seen: what ``agent_mounts_info`` returns of it → a sentence. Pure."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Any, Mapping

_REPAIR = "run agentops.credentials.site"


class Standing(enum.Enum):
    """How an agent stands."""

    WORKS = "works"
    FAILS = "fails"
    NOT_PROVEN = "not_proven"
    DEFERRED = "deferred"
    STOPPED = "stopped"
    ABSENT = "absent"


@dataclass(frozen=True)
class Judgement:
    """How an agent stands, and the reason and the fix, or what is to be known."""

    standing: Standing
    sentence: str

    def of(self, agent: str) -> str:
        """The sentence with the agent's name; empty if there is nothing to say."""
        return f"{agent}: {self.sentence}." if self.sentence else ""


def judge(agent: Mapping[str, Any], now: datetime.datetime) -> Judgement:
    """The judgement on one agent.

    :param agent: what :func:`report.info` returns.
    :param now: aware of its time zone.
    """
    container, mirror = agent["container"], agent["mirror"]
    if agent["verdict"] == "absent":
        if agent["elsewhere"]:
            where = f"there is one in the engine at {agent['elsewhere']}: set docker_host to that"
            return Judgement(Standing.ABSENT, f"the engine asked has no container named {container}, but {where}")
        return Judgement(Standing.ABSENT, f"there is no container named {container}: start it, or correct its name")
    if agent["state"] == "restarting":
        return Judgement(
            Standing.FAILS, f"the container {container} ends again and again: look at docker logs {container}"
        )
    if agent["state"] != "running":
        return Judgement(Standing.STOPPED, f"the container {container} is {agent['state']}")
    if agent["fresh"] is None:
        return Judgement(
            Standing.NOT_PROVEN, f"what {container} sees could not be looked at: run as root, on the engine's own host"
        )
    if agent["idle_status"]:
        reasons = "; ".join(agent["reasons"])
        return Judgement(
            Standing.DEFERRED,
            f"{reasons}; {container} is not idle now (only_when_idle ended with status {agent['idle_status']}), and a "
            f"later run of agentops.credentials.site serves it",
        )
    problem = _problem(agent, now)
    if problem:
        return Judgement(Standing.FAILS, problem)
    life = _life(mirror)
    return Judgement(Standing.WORKS, "" if life.get("state") == "good" else str(life.get("sentence") or ""))


def _problem(agent: Mapping[str, Any], now: datetime.datetime) -> str | None:
    """Why a container that was looked at cannot work, with the fix."""
    published, mirror, life = agent["published"], agent["mirror"], _life(agent["mirror"])
    if mirror and not mirror["current"]:
        return (
            f"the mirror has not seen the host's login as it is now, so it is not at work: look at creds-mirror status,"
            f" and {_REPAIR}"
        )
    if not agent["fresh"]:
        if published["fingerprint"] is None and agent["mode"] == "shared" and not agent["reasons"]:
            return (
                f"nobody has logged in in {agent['directory']} yet: log in with {agent['cli']} in {agent['container']}"
            )
        if published["fingerprint"] is None:
            return f"no login is published in {agent['directory']}: log in on the host, and {_REPAIR}"
        if agent["reasons"]:
            return f"{'; '.join(agent['reasons'])}: {_REPAIR}"
        strays = [_stray(agent, reader) for reader in agent["readers"] if reader["masks"] or reader["found"]]
        return strays[0] if strays else f"it reads another login than the published one: {_REPAIR}"
    for reader in agent["readers"]:
        if reader["obstacle"]:
            return f"{_who(agent, reader)} and cannot read the login ({reader['obstacle']}): {reader['advice']}"
    if agent["mode"] == "shared":
        return _exposure(agent)  # its containers renew the login
    if life.get("state") == "ended" or _is_over(published["expires_at"], now):
        how = life.get("sentence") if life.get("state") == "ended" else f"ended at {published['expires_at']}"
        return f"the login {how}; until somebody logs in on the host the agent is answered 401"
    refusal = (mirror or {}).get("refusal")
    if refusal:
        reason = refusal.get("reason") if isinstance(refusal, dict) else refusal
        return f"the mirror keeps an earlier login, for {reason}: log in again on the host, and see creds-mirror status"
    return _exposure(agent)


def _exposure(agent: Mapping[str, Any]) -> str | None:
    return "; ".join(agent["exposed"]) if agent["exposed"] and not agent["accept_exposure"] else None


def _who(agent: Mapping[str, Any], reader: Mapping[str, Any]) -> str:
    command, uid = reader["command"], reader["uid"]
    return f"{command} runs as uid {uid}" if command else f"{agent['cli']} would run as uid {uid}"


def _stray(agent: Mapping[str, Any], reader: Mapping[str, Any]) -> str:
    """Why a reader's agent CLI does not come to the published login."""
    who = _who(agent, reader)
    if reader["masks"]:
        return (
            f"{who} with {' and '.join(reader['masks'])} in its environment, which masks the mirrored login: start it "
            f"without"
        )
    if not reader["path"]:
        return f"{who} and where it looks is not known, for {reader['found']}: {reader['advice']}"
    return f"{who} and opens {reader['path']}, but {reader['found']}: {reader['advice']}"


def _life(mirror: Mapping[str, Any] | None) -> Mapping[str, Any]:
    life = (mirror or {}).get("life")
    return life if isinstance(life, dict) else {}


def _is_over(expires_at: str | None, now: datetime.datetime) -> bool:
    if expires_at is None:
        return False
    end = datetime.datetime.strptime(expires_at, "%Y-%m-%dT%H:%M:%SZ")
    return end.replace(tzinfo=datetime.timezone.utc) <= now


_PLACES = {
    Standing.FAILS: "cannot",
    Standing.NOT_PROVEN: "not proven",
    Standing.DEFERRED: "deferred",
    Standing.STOPPED: "stopped",
    Standing.ABSENT: "absent",
}


def summary(judgements: Mapping[str, Judgement], failed: int = 0) -> str:
    """How many agents can work now, and how the others stand, by name, in one sentence.

    :param failed: how many could not be looked at at all.
    """
    by = {
        standing: [name for name, judgement in judgements.items() if judgement.standing is standing]
        for standing in Standing
    }
    total = len(judgements) + failed
    counted = f"{len(by[Standing.WORKS])} of {total} agent{'' if total == 1 else 's'} can work now"
    rest = [f"{words}: {', '.join(by[standing])}" for standing, words in _PLACES.items() if by[standing]]
    return "; ".join([counted, *rest, *([f"{failed} could not be looked at"] if failed else [])]) + "."
