"""Run the corpus against this host's engine and print a table. As root, on a throwaway host: see scripts/corpus.

``python3 -m corpus.run [--representative] [--verbose] [NAME...]``; the exit status is 0 when nothing failed or was lost.
DOCKER_HOST is the engine, root's by default.
"""

from __future__ import annotations

import argparse
import base64
import collections
import concurrent.futures
import contextlib
import functools
import io
import os
import pathlib
import pickle
import pwd
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import docker
import docker.errors

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.provide import Provider
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import AgentMountsError, RefusedError
from ansible_collections.agentops.credentials.plugins.module_utils._base.names import (
    SUFFIX_NEW,
    SUFFIX_OLD,
    SUFFIX_PROBE,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers import run as containers_run
from ansible_collections.agentops.credentials.plugins.module_utils._containers.options import Options, Request
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import Session
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict
from ansible_collections.agentops.credentials.plugins.module_utils._engine.client import Engine
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import ContainerRow
from ansible_collections.agentops.credentials.plugins.module_utils._engine.owner import owner_of
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import Host
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User, as_user, find_user

from . import compare, snapshot
from .option_sets import OPTION_SETS, OptionSet

ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
ROOT = pathlib.Path("/opt/corpus")
SOURCE = ROOT / "login/.credentials.json"
DIRECTORY = ROOT / "claude-credentials"
OTHERS = ("corpus-other", "corpus-neighbour")
AT_ONCE = 4
PATIENCE = 120
"""Seconds for one call of the docker client: an engine can hang on a shared namespace, and then only that row fails."""

IMAGES = {
    "corpus-entrypoint": 'ENTRYPOINT ["/usr/local/bin/agent", "from-image"]\nCMD ["default"]',
    "corpus-expose": "EXPOSE 7000 7001/udp",
    "corpus-health": "HEALTHCHECK --interval=1s --timeout=5s CMD true",
    "corpus-user": "USER 1234:4321",
    "corpus-label": "LABEL image=label",
    "corpus-stop-signal": "STOPSIGNAL SIGINT",
    "corpus-volume": "USER root\nVOLUME /data /more",
    "corpus-everything": """USER 1000:1000
ENV FROM_IMAGE=yes PATH=/bin:/usr/bin:/usr/local/bin
LABEL image=label
EXPOSE 7000 7001/udp
VOLUME /home/claude/.config
WORKDIR /tmp
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1s --timeout=5s CMD true
ENTRYPOINT ["/usr/local/bin/agent"]
CMD ["one", "two"]
ONBUILD RUN true""",
}
NETWORKS = {
    "corpus-a": ("--subnet", "10.124.1.0/24"),
    "corpus-b": ("--subnet", "10.124.2.0/24"),
    "corpus-six": ("--ipv6", "--subnet", "fd00:124::/64", "--subnet", "10.124.3.0/24"),
}


class OwnView(Engine):
    """An engine that hides the unfinished recreations of other rows, which a run would take for left over.

    The module holds a lock for that; here several rows run at once.
    """

    name = ""
    copyable = True

    def layer_directory(self, container: str) -> str | None:
        return super().layer_directory(container) if self.copyable else None

    def containers(self) -> list[ContainerRow]:
        def is_others(name: str) -> bool:
            return name.endswith((SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE)) and name.rsplit(".", 1)[0] != self.name

        return [row for row in super().containers() if not any(is_others(name) for name in row.names)]


class NotRunHereError(Exception):
    """The engine itself does not start such a container on this host."""


@dataclass
class Result:
    row: OptionSet
    verdict: str = "identical"
    details: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def bad(self) -> bool:
        return self.verdict in ("FAILED", "LOST")


def cli(*arguments: str) -> str:
    """Run the docker client.

    :raises NotRunHereError: it failed.
    :raises TimeoutError: the engine hangs.
    """
    try:
        done = subprocess.run(("docker", *arguments), capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"docker {' '.join(arguments)} has not ended after {PATIENCE} s") from None
    if done.returncode != 0:
        raise NotRunHereError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "docker failed")
    return done.stdout.strip()


def quietly(*arguments: str) -> None:
    """Run the docker client, whatever comes of it."""
    with contextlib.suppress(NotRunHereError, TimeoutError):
        cli(*arguments)


def prepare(client: Any) -> dict[str, str]:
    """Make what the rows name, and return the placeholders' values."""
    for directory in ("login", "claude-credentials", "data/sub", "config"):
        (ROOT / directory).mkdir(parents=True, exist_ok=True)
    for file in (SOURCE, DIRECTORY / ".credentials.json", ROOT / "config/.credentials.json"):
        file.write_text('{"claudeAiOauth": {"accessToken": "fake-token-corpus"}}\n')
    (ROOT / "config").chmod(0o777)
    DIRECTORY.chmod(0o700)
    if user := whose_engine():
        for path in (SOURCE.parent, SOURCE, DIRECTORY, DIRECTORY / ".credentials.json"):
            os.chown(path, user.uid, user.gid)
    (ROOT / "data/environment").write_text("FROM_FILE=yes\n# comment\nPATH\n")
    (ROOT / "data/labels").write_text("from.file=yes\nempty.label=\n")
    (ROOT / "data/seccomp.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    if not (ROOT / "link").is_symlink():
        (ROOT / "link").symlink_to("data")
    clean()
    for name, text in IMAGES.items():
        collections.deque(
            client.build(
                fileobj=io.BytesIO(f"FROM agentops-agent\n{text}\n".encode()), tag=name, rm=True, forcerm=True
            ),
            maxlen=0,
        )
    for row in OPTION_SETS:
        if row.image.endswith("-{}"):
            cli("tag", "agentops-agent", row.image.format(container_name(row)))
    for name, options in NETWORKS.items():
        cli("network", "create", *options, name)
    cli("volume", "create", "corpus-named")
    pathlib.Path(client.inspect_volume("corpus-named")["Mountpoint"], "sub").mkdir()
    cli("run", "--detach", "--name", "corpus-other", "--ipc", "shareable", "--volume", "/lent", "agentops-agent")
    cli("run", "--detach", "--name", "corpus-neighbour", "--network", "corpus-a", "agentops-agent")
    networks = {name: client.inspect_network(name)["Id"] for name in NETWORKS}
    return {**networks, "agentops-agent": client.inspect_image("agentops-agent")["Id"]}


def clean() -> None:
    """Remove all that an earlier run has left."""
    names = cli("ps", "--all", "--format", "{{.Names}}").split()
    mine = [name for name in names if name.startswith("corpus-")]
    if mine:
        quietly("rm", "--force", "--volumes", *mine)
    quietly("network", "rm", *NETWORKS)
    volumes = cli("volume", "ls", "--quiet").split()
    quietly("volume", "rm", *(name for name in volumes if name.startswith("corpus-") or len(name) == 64))
    for path in (ROOT / "data").glob("id-*"):
        path.unlink()


def container_name(row: OptionSet) -> str:
    return f"corpus-x-{row.name}"


def start(row: OptionSet, values: dict[str, str], client: Any) -> None:
    """The container as its user made it: with the file mount, and something in every volume."""
    name = container_name(row)
    mount = f"type=bind,source={SOURCE},target={compare.FILE_TARGET},readonly"
    if "--volume /opt/corpus/config:/home/claude/.claude" in row.options:
        mount = mount.replace(str(SOURCE), str(ROOT / "config/.credentials.json"))
    options = shlex.split(row.options.format(name, **values))
    image = row.image.format(name, **values)
    command = shlex.split(row.command)
    cli("create", "--name", name, "--mount", mount, *options, image, *command)
    cli("start", name)
    for mount in client.inspect_container(name)["Mounts"]:
        # A volume in memory begins empty at each start; corpus-named is used by several.
        if mount["Type"] == "volume" and mount["Name"] != "corpus-named" and "-opts-" not in mount["Name"]:
            precious = pathlib.Path(mount["Source"], "precious")
            if not precious.exists():  # a volume of another container is shared by several
                precious.write_text(name)
    if row.inside:
        cli("exec", "--user", "0", name, "sh", "-ec", row.inside)
    for command_ in row.after:
        cli(*shlex.split(command_.format(*[name] * 3)))
    wait_until_settled(name, client)


def wait_until_settled(name: str, client: Any) -> None:
    """Until the process is the container's own, and a health check has told something."""
    for _attempt in range(200):
        inspect = client.inspect_container(name)
        pid = inspect["State"]["Pid"]
        health = (inspect["State"].get("Health") or {}).get("Status")
        try:
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() if pid else b"ended"
        except (FileNotFoundError, ProcessLookupError):
            command = b""  # it ended meanwhile, which the engine is about to notice
        if command and b"runc" not in command and health != "starting":
            return
        time.sleep(0.05)


def whose_engine() -> User | None:
    """The user whose program the engine is; ``None`` for root's."""
    owner = owner_of(ENGINE.partition("://")[2])
    return find_user(pwd.getpwuid(owner.uid).pw_name) if owner and owner.uid != 0 else None


def with_its_rights(work: Callable[[], Any]) -> Any:
    """What ``work`` returns or raises, done as the module does it: with the rights of the user whose engine it is."""
    user = whose_engine()
    if user is None:
        return work()

    def in_child(_changes: Changes) -> str:
        os.environ["HOME"] = user.home
        done: Any = None
        fault: Exception | None = None
        try:
            done = work()
        except (AgentMountsError, docker.errors.DockerException, OSError) as error:
            fault = error
        return base64.b64encode(pickle.dumps((done, fault))).decode()

    answer = base64.b64decode(as_user(user, in_child, Changes(False), 5 * PATIENCE))
    value, error = pickle.loads(answer)  # noqa: S301 (our own child's, on a throwaway host)
    if error is not None:
        raise error
    return value


def recreate(row: OptionSet) -> containers_run.RunResult:
    """What the module does."""

    def work() -> containers_run.RunResult:
        user = whose_engine()
        home = user.home if user else "/root"
        context = ConfigContext("corpus", home, {str(SOURCE): str(DIRECTORY)})
        agents = {row.name: {"container": {"name": container_name(row), "credentials_host_dir": str(DIRECTORY)}}}
        request = Request(parse({"agents": agents}, context), context, Options(wait_timeout=20, **row.choices))
        return containers_run.reconcile(request, Session(own_view(row), Host(), Provider(home)))

    return cast(containers_run.RunResult, with_its_rights(work))


def is_copyable(row: OptionSet) -> bool:
    return bool(with_its_rights(lambda: own_view(row).layer_directory(container_name(row)) is not None))


def own_view(row: OptionSet) -> OwnView:
    engine = OwnView(ENGINE, None, 60)
    engine.name, engine.copyable = container_name(row), row.copyable
    return engine


def run(row: OptionSet, values: dict[str, str]) -> Result:
    """Start, look, recreate, look again, compare; and a second run must find nothing to do."""
    client = docker.APIClient(ENGINE, version="auto")
    result, began, name = Result(row), time.monotonic(), container_name(row)
    try:
        start(row, values, client)
        if row.choices.get("writable_layer") == "carry" and not is_copyable(row):
            # Where the engine names no directory of the layer (containerd's store) each is made an image of.
            result.row = row = replace(row, differences=row.differences | {"commit"})
        others = {other: client.inspect_container(other) for other in OTHERS}
        before = snapshot.take(client.inspect_container(name), others)
        outcome = recreate(row)
        if outcome.failures:
            raise RefusedError("\n".join(outcome.failures.values()))
        wait_until_settled(name, client)
        after = snapshot.take(client.inspect_container(name), others)
        judge(result, before, after, outcome)
        again = recreate(row)
        if again.changed or again.failures:
            result.verdict = "FAILED"
            result.details.append(f"a second run would change it: {again.plan}{again.failures or ''}")
    except NotRunHereError as reason:
        result.verdict = "not here"
        result.details.append(str(reason))
    except RefusedError as refusal:
        result.verdict = "refused" if row.refused and row.refused in str(refusal) else "FAILED"
        result.details.append(str(refusal))
    except (AgentMountsError, docker.errors.DockerException, OSError) as error:
        result.verdict = "FAILED"
        result.details.append(str(error))
    finally:
        quietly("rm", "--force", "--volumes", f"{name}-user")
        quietly("rm", "--force", name, *(name + suffix for suffix in (SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE)))
    result.seconds = time.monotonic() - began
    return result


def judge(result: Result, before: dict[str, Any], after: dict[str, Any], outcome: containers_run.RunResult) -> None:
    row = result.row
    agent = outcome.plan.agents[0]
    desired = agent.observed.desired
    if row.refused or desired is None or outcome.after[row.name] is not Verdict.OK:
        result.verdict = "FAILED"
        result.details.append(f"verdict {outcome.after[row.name].value}, but {row.refused or 'ok'} was expected")
        return
    asked = compare.Asked(desired.mount.target, desired.variable or "", desired.links)
    sentences = "\n".join(agent.differences)
    # Since Docker 28 the engine does not tell which address was asked for in a network that is not the main one.
    untold = frozenset({"mac"} if compare.KINDS["mac"] in sentences else ())
    differences = compare.compare(before, after, asked, row.differences | untold)
    result.details += [str(difference) for difference in differences if difference.kind != compare.ASKED]
    unannounced = [kind for kind in row.differences if compare.KINDS[kind] not in sentences]
    result.details += [f"the plan does not announce the difference {kind!r}" for kind in unannounced]
    if unannounced or any(difference.kind == compare.LOSS for difference in differences):
        result.verdict = "LOST"
    elif any(difference.kind != compare.ASKED for difference in differences):
        result.verdict = "announced"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--representative", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()

    client = docker.APIClient(ENGINE, version="auto")
    version = client.version()
    api = tuple(int(number) for number in client.api_version.split("."))
    known = [row for row in OPTION_SETS if row.since <= api <= row.until]
    rows = [
        row
        for row in known
        if (row.name in arguments.names if arguments.names else row.representative or not arguments.representative)
    ]
    os.umask(0o022)
    values = prepare(client)
    results = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(functools.partial(run, values=values), rows):
            results.append(result)
            if arguments.verbose or result.bad:
                print(f"{result.verdict:<10} {result.row.name:<32} {result.seconds:5.1f} s")
                for detail in result.details:
                    print(f"    {detail[:600]}", flush=True)
    clean()
    counts = collections.Counter(result.verdict for result in results)
    summary = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    print(f"Docker {version['Version']} (API {version['ApiVersion']}): {len(results)} option sets: {summary}")
    return 1 if any(result.bad for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
