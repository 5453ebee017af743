"""Made-up fleets: what agent_mounts_info returns on 1, 20 or 500 hosts, and what hostile hosts would like to say."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.agentops.credentials.plugins.module_utils._report import fleet

NOW = datetime.datetime(2026, 11, 28, 12, 0, tzinfo=datetime.UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "{{ lookup('pipe', 'id') }}",
    "a" * 300,
    "\u202eevil\u202c\x1b[31m",
    "--><svg/onload=alert(1)>",
)


def at(hours: float) -> str:
    return (NOW + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def agent(state: str = "good", ends: float | None = 5, refresh: float | None = 500, **more: Any) -> dict[str, Any]:
    """One agent as agent_mounts_info returns it, ``state`` being that of its login."""
    sentences = {
        "good": f"good until {at(ends or 0)}",
        "ending": "ends in 20 min, renewal failed twice: it ended with status 1",
        "ended": "ended 3 h ago; log in again",
        "log_in": f"log in again before {at(refresh or 0)}: nobody can renew it after that",
        "logged_out": f"logged out: agents keep the last login, it ends at {at(ends or 0)}",
        "none": "there is no login yet: log in on this host",
    }
    works, sentence = state not in ("ended", "none"), sentences[state]
    judgement = f"boss: the login {sentence}; until somebody logs in on the host the agent is answered 401."
    known = {"ends_at": None if ends is None else at(ends), "refresh_ends_at": None if refresh is None else at(refresh)}
    return {
        "failed": False,
        "failure": None,
        "container": "boss",
        "cli": "claude",
        "mode": "mirror",
        "directory": "/home/dev/.config/claude-hooks/claude-credentials",
        "fresh": True,
        "exposed": [],
        "accept_exposure": False,
        "published": {"expires_at": known["ends_at"]},
        "standing": "works" if works else "fails",
        "judgement": (f"boss: {sentence}." if state != "good" else "") if works else judgement,
        "mirror": {
            "current": True,
            "life": {"state": state, "sentence": sentence, "well": state == "good"},
            "login": known,
        },
        **more,
    }


def looked(**agents: dict[str, Any]) -> dict[str, Any]:
    return {"changed": False, "user": "dev", "agents": agents, "summary": ""}


UNREACHABLE = {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host"}
REFUSED = {"failed": True, "msg": "No agents are configured; set agent_containers_path."}


def hosts(number: int, hostile: bool = True) -> dict[str, Any]:
    """Most of them well, and some with each of the troubles; hostile words where a host or a container can say some."""
    kinds: tuple[Any, ...] = (
        looked(boss=agent(), dev=agent(), codex=agent(cli="codex", directory="/d", refresh=None)),
        looked(boss=agent(ends=0.3, state="ending"), dev=agent(ends=0.3, state="ending")),
        looked(boss=agent()),
        looked(boss=agent("logged_out", ends=2)),
        looked(boss=agent(refresh=900)),
        UNREACHABLE,
        looked(boss=agent(ends=7)),
        looked(boss=agent("ended", ends=-3, refresh=-1)),
        looked(boss=agent(ends=1)),
        looked(boss=agent("log_in", refresh=40)),
        looked(
            boss=agent(standing="fails", exposed=["x"], fresh=False, judgement="boss: the mount is a file: run site.")
        ),
        REFUSED,
        {"user": HOSTILE[0], "agents": {HOSTILE[1]: agent(standing="fails", judgement=HOSTILE[2], cli=HOSTILE[3])}},
    )
    named = {f"agents-{number:03}.example.net": kinds[number % len(kinds)] for number in range(number)}
    if number > 1 and hostile:
        named |= {word: looked(boss=agent(standing="fails", judgement=f"boss: {word}")) for word in HOSTILE}
    return named


def report(number: int = 20, hostile: bool = True, **settings: Any) -> fleet.Report:
    seen = [fleet.seen(name, "dev", result, NOW) for name, result in hosts(number, hostile).items()]
    return fleet.report(seen, fleet.Settings(NOW, **settings))
