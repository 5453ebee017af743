"""The corpus: option sets of `docker run`, as data. Each is started, recreated by agent_mounts, and compared.

Everything here runs in a throwaway host. ``prepare`` in ``run.py`` makes what the rows name:
the images ``corpus-*``, the networks ``corpus-a``, ``corpus-b`` and ``corpus-six``, the volume
``corpus-named``, the container ``corpus-other`` and the directory ``/opt/corpus/data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class OptionSet:
    """One row.

    ``options``     of ``docker run``, split as a shell does; ``command`` follows the image
    ``after``       docker commands for the started container, ``{}`` being its name
    ``inside``      a shell script that its root runs before the recreation, to write into the layer
    ``differences`` kinds of differences that the recreation may show (see ``compare.KINDS``); each must be announced
    ``since``       first API version that knows the options; ``until`` the last
    ``choices``     of ``_plan.Options``
    ``copyable``    whether the writable layer can be copied, as it can on these hosts; else it is made an image of
    ``refused``     words of the refusal, where the container must not be recreated
    ``representative`` whether the row is in the short run of ``make test``
    """

    name: str
    options: str = ""
    command: str = ""
    image: str = "agentops-agent"
    after: tuple[str, ...] = ()
    inside: str = ""
    differences: frozenset[str] = frozenset()
    since: tuple[int, int] = (1, 41)
    until: tuple[int, int] = (9, 99)
    choices: Mapping[str, Any] = field(default_factory=dict)
    copyable: bool = True
    refused: str = ""
    representative: bool = False


def _row(
    name: str, options: str = "", command: str = "", differs: str = "", short: bool = False, **more: Any
) -> OptionSet:
    return OptionSet(name, options, command, differences=frozenset(differs.split()), representative=short, **more)


STOPPED = {"recreate_stopped": True}
CARRY = {"writable_layer": "carry"}

# What an image says is in inspect, but create refuses some of it with some modes: each is tried with each.
PROPERTIES = ("everything", "expose", "volume", "health", "entrypoint", "user", "label", "stop-signal")
MODES = {
    "network-of-other": "--network container:corpus-other",
    "network-of-host": "--network host",
    "network-none": "--network none",
    "names-of-host": "--uts host",
    # In another one's process namespace what an agent leaves goes on when it ends, and Docker 26.1 waits for it for ever.
    "processes-of-other": "--pid container:corpus-other --stop-timeout 1 --entrypoint sleep",
    "processes-of-host": "--pid host --stop-timeout 1 --entrypoint sleep",
    "ipc-of-other": "--ipc container:corpus-other",
    "ipc-of-host": "--ipc host",
    "ipc-none": "--ipc none",
}
CROSSING = tuple(
    _row(
        f"image-{one}-{mode}",
        options,
        "3600" if "processes" in mode else "",
        image=f"corpus-{one}",
        differs="volume" if one in ("everything", "volume") else "",
        short=one == "everything" and mode in ("network-of-other", "network-of-host", "processes-of-other", "ipc-none"),
    )
    for one in PROPERTIES
    for mode, options in MODES.items()
)

OPTION_SETS = (
    *CROSSING,
    # what runs
    _row("defaults", short=True),
    _row("command", command="agent 'two words' --flag ''"),
    _row("entrypoint", "--entrypoint /usr/local/bin/agent", "one two"),
    _row("entrypoint-emptied", "--entrypoint ''", "agent", image="corpus-entrypoint", short=True),
    _row("entrypoint-of-image", image="corpus-entrypoint"),
    _row("entrypoint-of-image-and-command", command="more", image="corpus-entrypoint"),
    _row("everything-of-image", image="corpus-everything", differs="volume", short=True),
    _row("environment", "--env A=1 --env EMPTY= --env 'SPACES=a b = c' --env UNICODE=ü --env A=2", short=True),
    _row("environment-unset", "--env HOME --env FROM_IMAGE --env NOWHERE", image="corpus-everything", differs="volume"),
    _row("environment-lines", "--env 'LINES=one\ntwo'"),
    _row("environment-file", "--env-file /opt/corpus/data/environment"),
    _row("environment-home", "--env HOME=/tmp"),
    _row("environment-config-directory", "--env CLAUDE_CONFIG_DIR=/home/claude/elsewhere"),
    _row("workdir", "--workdir /tmp"),
    _row("workdir-made-by-engine", "--workdir /made/by/engine", choices={"writable_layer": "carry"}),
    _row("user-name", "--user root"),
    _row("user-id", "--user 1234", short=True),
    _row("user-and-group", "--user 1000:4321"),
    _row("groups", "--group-add 5 --group-add 4711"),
    _row("terminal", "--tty"),
    _row("interactive", "--interactive"),
    _row("interactive-terminal", "--interactive --tty"),
    _row("init", "--init", short=True),
    _row("stop-signal", "--stop-signal SIGINT"),
    _row("stop-timeout", "--stop-timeout 3"),
    _row("slow-to-stop", "--stop-timeout 1", "sleep 3600"),
    _row("labels", "--label a=1 --label empty= --label 'dots.and/slashes=x y' --label bare", short=True),
    _row("label-file", "--label-file /opt/corpus/data/labels"),
    _row("id-file", "--cidfile /opt/corpus/data/id-{}", differs="id-file"),
    _row("hostname", "--hostname chosen", short=True),
    _row("hostname-with-domain", "--hostname chosen.example.org"),
    _row("domainname", "--hostname chosen --domainname example.org"),
    _row("domainname-alone", "--domainname example.org"),
    _row("platform", "--platform linux/amd64"),
    _row("runtime", "--runtime runc"),
    _row("isolation", "--isolation default"),
    _row("annotation", "--annotation org.example.key=value", since=(1, 43)),
    _row("attach", "--attach stdout --attach stderr"),
    _row("pull-never", "--pull never"),
    _row("content-trust", "--disable-content-trust=true"),
    _row("detach-keys", "--detach-keys ctrl-a,a"),
    # health and restart
    _row("health", "--health-cmd true --health-interval 1s --health-timeout 2s --health-retries 2 --health-start-period 1s",
         choices={"wait_for": "healthy"}, short=True),
    _row("health-start-interval", "--health-cmd true --health-start-period 9s --health-start-interval 1s", since=(1, 44)),
    _row("health-off", "--no-healthcheck", image="corpus-everything", differs="volume"),
    _row("restart-always", "--restart always", short=True),
    _row("restart-unless-stopped", "--restart unless-stopped"),
    _row("restart-on-failure", "--restart on-failure:3"),
    _row("restart-updated", "--restart no", after=("update --restart always {}",)),
    # security
    _row("capabilities-added", "--cap-add SYS_PTRACE --cap-add NET_ADMIN"),
    _row("capabilities-dropped", "--cap-drop ALL --cap-add CHOWN", short=True),
    _row("capabilities-of-root", "--user root --cap-drop NET_RAW --cap-drop mknod"),
    _row("privileged", "--privileged"),
    _row("no-new-privileges", "--security-opt no-new-privileges"),
    _row("seccomp-off", "--security-opt seccomp=unconfined"),
    _row("seccomp-profile", "--security-opt seccomp=/opt/corpus/data/seccomp.json", short=True),
    _row("apparmor-off", "--security-opt apparmor=unconfined"),
    _row("labels-off", "--security-opt label=disable"),
    _row("system-paths", "--security-opt systempaths=unconfined"),
    _row("user-namespace-of-host", "--userns host"),
    _row("device", "--device /dev/null:/dev/corpus:rw", short=True),
    _row("devices", "--device /dev/zero --device /dev/null:/dev/other:r"),
    _row("device-rule", "--device-cgroup-rule 'c 1:3 rwm'"),
    _row("gpus", "--gpus all"),
    # limits
    _row("memory", "--memory 64m --memory-swap 128m --memory-reservation 32m"),
    _row("memory-swappiness", "--memory-swappiness 10"),
    _row("kernel-memory", "--kernel-memory 32m", until=(1, 41)),
    _row("cpus", "--cpus 0.5"),
    _row("cpu-quota", "--cpu-period 50000 --cpu-quota 25000 --cpu-shares 512"),
    _row("cpu-realtime", "--cpu-rt-runtime 1000 --cpu-rt-period 10000"),
    _row("cpu-set", "--cpuset-cpus 0 --cpuset-mems 0"),
    _row("processes", "--pids-limit 64"),
    _row("processes-unlimited", "--pids-limit -1"),
    _row("block-weight", "--blkio-weight 300 --blkio-weight-device /dev/null:200"),
    _row("block-rates", "--device-read-bps /dev/null:1mb --device-write-iops /dev/null:100"),
    _row("out-of-memory", "--oom-score-adj 500 --oom-kill-disable", short=True),
    _row("limits", "--ulimit nofile=1024:2048 --ulimit core=0 --ulimit nproc=9000", short=True),
    _row("shared-memory", "--shm-size 32m"),
    _row("system-controls", "--sysctl net.ipv4.ip_forward=1 --sysctl net.core.somaxconn=512 --sysctl kernel.msgmax=9000"),
    _row("storage", "--storage-opt size=1G"),
    _row("cgroup-parent", "--cgroup-parent corpus.slice"),
    _row("cgroup-namespace-of-host", "--cgroupns host"),
    _row("cgroup-namespace-private", "--cgroupns private"),
    # namespaces
    _row("ipc-host", "--ipc host"),
    _row("ipc-shareable", "--ipc shareable"),
    _row("ipc-private", "--ipc private"),
    _row("ipc-none", "--ipc none"),
    _row("ipc-of-other", "--ipc container:corpus-other"),
    _row("processes-of-host", "--pid host --stop-timeout 1", "sleep 3600"),
    _row("processes-of-other", "--pid container:corpus-other --stop-timeout 1", "sleep 3600", short=True),
    _row("names-of-host", "--uts host"),
    # networks
    _row("network-none", "--network none"),
    _row("network-host", "--network host"),
    _row("network-of-other", "--network container:corpus-other", short=True),
    _row("network-bridge", "--network bridge"),
    _row("network", "--network corpus-a"),
    _row("network-by-id", "--network {corpus-a}"),
    _row("network-aliases", "--network corpus-a --network-alias one --network-alias two"),
    _row("network-address", "--network corpus-a --ip 10.124.1.77"),
    _row("network-address-six", "--network corpus-six --ip6 fd00:124::77"),
    _row("network-link-local", "--network corpus-a --link-local-ip 169.254.7.7"),
    _row("network-long-form", "--network name=corpus-a,alias=long,ip=10.124.1.78"),
    _row("network-driver-option",
         "--network name=corpus-a,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.all.forwarding=1"),
    _row("mac-address", "--mac-address 02:42:ac:11:77:77"),
    _row("mac-address-in-network", "--network corpus-a --mac-address 92:d0:c6:0a:29:33", short=True),
    _row("mac-address-of-network", "--network name=corpus-a,mac-address=92:d0:c6:0a:29:34", since=(1, 44)),
    _row("networks", "--network corpus-a", after=("network connect corpus-b {}",)),
    _row("networks-with-all", "--network corpus-a --network-alias first --ip 10.124.1.79",
         after=("network connect --alias second --ip 10.124.2.79 corpus-b {}", "network connect corpus-six {}"), short=True),
    _row("networks-after-bridge", after=("network connect --alias late corpus-b {}",)),
    _row("networks-in-options", "--network corpus-a --network corpus-b", since=(1, 44)),
    _row("networks-macs", "--network name=corpus-a,mac-address=92:d0:c6:0a:29:35 --network name=corpus-b,mac-address=92:d0:c6:0a:29:36",
         since=(1, 44)),
    _row("network-left", "--network corpus-a",
         after=("network connect corpus-b {}", "network disconnect corpus-a {}", "restart {}"), short=True),
    _row("networks-all-left", after=("network disconnect bridge {}", "restart {}")),
    _row("network-joined-again", "--network corpus-a --network-alias kept",
         after=("network disconnect corpus-a {}", "network connect --alias anew corpus-a {}", "restart {}")),
    _row("link", "--link corpus-other:database", short=True),
    _row("link-without-alias", "--link corpus-other"),
    _row("link-in-network", "--network corpus-a --link corpus-neighbour:neighbour"),
    _row("link-by-connect", "--network corpus-b", after=("network connect --link corpus-neighbour:n corpus-a {}",)),
    _row("names", "--dns 192.0.2.53 --dns 192.0.2.54 --dns-search example.org --dns-option ndots:2", short=True),
    _row("names-in-network", "--network corpus-a --dns 192.0.2.53 --dns-search ."),
    _row("hosts", "--add-host one:192.0.2.1 --add-host six:2001:db8::1 --add-host gateway:host-gateway"),
    _row("port", "--publish 127.0.0.1:18080:80", short=True),
    _row("ports", "--publish 18081:81 --publish 18082:82/udp --publish 18090-18092:90-92"),
    _row("port-on-six", "--publish [::1]:18083:83"),
    _row("port-chosen-by-engine", "--publish 84", differs="port"),
    _row("ports-range-for-one", "--publish 18100-18110:85", differs="port"),
    _row("ports-all", "--publish-all --expose 86 --expose 87/udp", differs="port"),
    _row("exposed", "--expose 88 --expose 9000-9002"),
    # mounts and volumes
    _row("volume", "--volume corpus-named:/data", short=True),
    _row("volume-options", "--volume corpus-named:/data:ro,nocopy"),
    _row("volume-by-mount", "--mount type=volume,source=corpus-named,target=/data,readonly,volume-nocopy"),
    _row("volume-subdirectory", "--mount type=volume,source=corpus-named,target=/data,volume-subpath=sub", since=(1, 45)),
    _row("volume-made-by-name", "--volume corpus-made-{}:/data"),
    _row("volume-driver-options",
         "--mount type=volume,source=corpus-opts-{},target=/data,volume-driver=local,volume-opt=type=tmpfs,"
         "volume-opt=device=tmpfs,volume-opt=o=size=1m"),
    _row("volume-driver", "--volume-driver local --volume /driven", differs="volume"),
    _row("volume-anonymous", "--volume /data", differs="volume", short=True),
    _row("volume-anonymous-options", "--volume /data/ --volume /with/../dots", differs="volume"),
    _row("volume-anonymous-read-only", "--mount type=volume,target=/data,readonly", differs="volume"),
    _row("volume-anonymous-by-mount", "--mount type=volume,target=/data,volume-label=a=b", differs="volume", short=True),
    _row("volume-anonymous-nocopy", "--mount type=volume,target=/home/claude/.config,volume-nocopy", differs="volume"),
    _row("volume-of-image", image="corpus-volume", differs="volume", short=True),
    _row("volume-of-image-covered", "--volume /opt/corpus/data:/data", image="corpus-volume", differs="volume"),
    _row("volume-of-image-named", "--volume corpus-named:/data", image="corpus-volume", differs="volume"),
    _row("volumes-from", "--volumes-from corpus-other", short=True),
    _row("volumes-from-read-only", "--volumes-from corpus-other:ro --volume /own", differs="volume"),
    _row("volumes-from-and-image", "--volumes-from corpus-other", image="corpus-volume", differs="volume"),
    _row("bind", "--volume /opt/corpus/data:/data", short=True),
    _row("bind-read-only", "--volume /opt/corpus/data:/data:ro"),
    _row("bind-relabelled", "--volume /opt/corpus/data:/data:z"),
    _row("bind-uncleaned", "--volume /opt/corpus/data/:/data/../data//sub/"),
    _row("bind-made-by-engine", "--volume /opt/corpus/made-{}:/data"),
    _row("bind-slave", "--volume /opt/corpus/data:/data:rslave"),
    _row("bind-shared", "--mount type=bind,source=/opt/corpus/data,target=/data,bind-propagation=rshared"),
    _row("bind-not-recursive", "--mount type=bind,source=/opt/corpus/data,target=/data,bind-nonrecursive", until=(1, 43)),
    _row("bind-recursion", "--mount type=bind,source=/opt/corpus/data,target=/data,bind-recursive=disabled", since=(1, 44)),
    _row("bind-recursion-writable",
         "--mount type=bind,source=/opt/corpus/data,target=/data,readonly,bind-recursive=writable", since=(1, 44)),
    _row("bind-recursion-readonly",
         "--mount type=bind,source=/opt/corpus/data,target=/data,readonly,bind-recursive=readonly,bind-propagation=rprivate",
         since=(1, 44)),
    _row("bind-of-a-file", "--volume /opt/corpus/data/environment:/etc/environment:ro"),
    _row("bind-through-link", "--volume /opt/corpus/link:/data"),
    _row("binds-nested", "--volume /opt/corpus/data:/data --volume corpus-named:/data/sub --volume /opt/corpus/data:/data/sub/deep",
         short=True),
    _row("bind-of-the-socket", "--volume /var/run/docker.sock:/var/run/docker.sock"),
    _row("bind-of-config-directory", "--volume /opt/corpus/config:/home/claude/.claude", short=True),
    _row("volume-for-config-directory", "--volume corpus-config-{}:/home/claude/.claude"),
    _row("volume-for-home", "--volume /home/claude", differs="volume"),
    _row("memory-file-system", "--tmpfs /scratch:rw,size=1m,mode=1770,uid=1000", short=True),
    _row("memory-file-system-by-mount", "--mount type=tmpfs,target=/scratch,tmpfs-size=1048576,tmpfs-mode=0700"),
    _row("memory-file-system-for-run", "--tmpfs /run"),
    _row("memory-file-system-for-home", "--tmpfs /home/claude:uid=1000"),
    _row("read-only", "--read-only", short=True),
    _row("read-only-with-places", "--read-only --tmpfs /tmp --tmpfs /run --volume /home/claude/.claude/projects", differs="volume"),
    # logs
    _row("log-options", "--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 --log-opt labels=a --log-opt tag={{{{.Name}}}}"),
    _row("log-local", "--log-driver local --log-opt max-size=2m"),
    _row("log-none", "--log-driver none", short=True),
    _row("log-journald", "--log-driver journald --log-opt tag=corpus"),
    # images
    _row("image-by-id", image="{agentops-agent}"),
    _row("image-tag-moved", image="corpus-moves-{}", after=("tag corpus-everything corpus-moves-{}",), differs="image", short=True),
    _row("image-tag-gone", image="corpus-goes-{}", after=("rmi corpus-goes-{}",), differs="image"),
    # states
    _row("paused", after=("pause {}",), short=True),
    _row("paused-and-armed", "--restart always", after=("pause {}",)),
    _row("exited", after=("stop {}",), choices=STOPPED, differs="exited", short=True),
    _row("exited-and-armed", "--restart unless-stopped --volume /data", after=("stop {}",), choices=STOPPED, differs="exited volume"),
    _row("exited-with-network", "--network corpus-a --ip 10.124.1.80", after=("network connect corpus-b {}", "stop {}"),
         choices=STOPPED, differs="exited"),
    _row("restarted", after=("restart {}",)),
    _row("renamed", after=("rename {} {}-other", "rename {}-other {}")),
    _row("updated", after=("update --pids-limit 99 {}",)),
    # compose
    _row("compose",
         "--label com.docker.compose.project=p --label com.docker.compose.service=agent --label com.docker.compose.config-hash=abc "
         "--label com.docker.compose.container-number=1 --network corpus-a --network-alias agent"),
    # the writable layer
    _row("layer-files", inside="echo own > /home/claude/notes; mkdir -p /srv/a/b; echo x > /srv/a/b/c; chmod 4755 /srv/a/b/c",
         choices=CARRY, short=True),
    _row("layer-deletions", inside="rm /etc/group; rm -r /home/claude/.config; mkdir /home/claude/.config; echo x > /home/claude/.config/x",
         choices=CARRY),
    _row("layer-special-files",
         inside="mkfifo /srv-fifo; echo x > /one; ln /one /two; ln -s /one /three; "
         "touch -d '2001-02-03 04:05:06' /one; chown 12:34 /two",
         choices=CARRY),
    _row("layer-by-commit", inside="echo own > /home/claude/notes; mkdir -p /srv/a; echo x > /srv/a/c; chmod 4755 /srv/a/c; "
         "ln /srv/a/c /srv/again; ln -s a /srv/link; mkfifo /srv/fifo; chown 5:6 /srv/a; rm /etc/group; rm -r /home/claude/.config",
         choices=CARRY, differs="commit", copyable=False, short=True),
    _row("layer-by-commit-everything", "--volume /data --network corpus-a --network-alias x --publish 127.0.0.1:18990:7000 "
         "--restart always --env LATER=1 --label own=1", inside="echo x > /srv-kept; echo y > /data/y",
         image="corpus-everything", choices=CARRY, differs="commit volume", copyable=False, short=True),
    _row("layer-by-commit-entrypoint-emptied", "--entrypoint ''", "agent", image="corpus-entrypoint",
         inside="echo x > /srv-kept", choices=CARRY, differs="commit", copyable=False),
    _row("layer-by-commit-stopped", inside="echo x > /srv-kept", after=("stop {}",), choices={**CARRY, **STOPPED},
         differs="commit exited", copyable=False),
    _row("layer-in-ignored-places", inside="echo x > /tmp/x", choices={"writable_layer_ignore": ("/tmp",)}, differs="ignored"),
    _row("layer-discarded", inside="echo x > /srv-lost", choices={"writable_layer": "discard"}, differs="discarded"),
    # refused
    _row("refused-remove", "--rm", refused="started with --rm"),
    _row("refused-swarm", "--label com.docker.swarm.task.id=x", refused="task of a swarm service"),
    _row("refused-layer", inside="echo x > /srv-kept", refused="would lose (/srv-kept)"),
    _row("refused-network-lender", after=("run --detach --name {}-user --network container:{} agentops-agent",),
         refused="-user (its network namespace)", short=True),
    _row("refused-process-lender", after=("run --detach --name {}-user --pid container:{} agentops-agent",),
         refused="-user (its process namespace)"),
    _row("refused-ipc-lender", "--ipc shareable", after=("run --detach --name {}-user --ipc container:{} agentops-agent",),
         refused="-user (its ipc namespace)"),
    _row("refused-linked", after=("run --detach --name {}-user --link {} agentops-agent",), refused="-user (a link)"),
    _row("lends-its-volumes", "--volume /data", after=("run --detach --name {}-user --volumes-from {} agentops-agent",),
         differs="volume"),
)  # fmt: skip
