"""Three PostgreSQL nodes under Patroni and etcd on this machine: `python -m tests.cluster.cluster start`, or `stop`.

What it writes into the folder is what a real cluster has, with three machines' addresses instead of three ports.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final, NamedTuple
from urllib.request import Request, urlopen

from atb_db import embedded
from atb_db.embedded.account import environment, server_account
from tests.faults.tunnel import Tunnel

FOLDER: Final = Path("/tmp/atb-cluster")  # noqa: S108  the path of a socket must be short
NODES: Final = (1, 2, 3)
TTL: Final = 20
"""Seconds after which a leader that gives no sign of life is replaced."""
_ETCD_PORT: Final = 2391
_ETCD: Final = f"http://127.0.0.1:{_ETCD_PORT}"
_PEER: Final = "http://127.0.0.1:2390"
_FORM_SECONDS: Final = 120
_CONFIG: Final = """
scope: atb
name: node{node}
restapi:
  listen: 127.0.0.1:{rest}
  connect_address: 127.0.0.1:{reached.rest}
etcd3:
  hosts: 127.0.0.1:{reached.etcd}
  use_proxies: true  # etcd says where it is itself, past a network that can be cut
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 60
        wal_log_hints: "on"
  initdb:
  - encoding: UTF8
  - no-locale
postgresql:
  pg_hba:
  - local all all trust
  - host all all 127.0.0.1/32 trust
  - host replication all 127.0.0.1/32 trust
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{reached.postgresql}
  data_dir: {folder}/data
  bin_dir: {bin_dir}
  pgpass: {folder}/pgpass
  authentication:
    superuser:
      username: postgres
    replication:
      username: replicator
  parameters:
    unix_socket_directories: {folder}
"""


class Ports(NamedTuple):
    """Where others reach a node, and where it reaches etcd."""

    postgresql: int
    rest: int
    etcd: int


def own_ports(node: int) -> Ports:
    """Those of the node itself, which no cut of the network concerns."""
    return Ports(5440 + node, 8040 + node, _ETCD_PORT)


class Cluster:
    """The processes, by their files of process ids; a network that can be cut goes through this process."""

    def __init__(self, folder: Path = FOLDER, *, can_be_cut: bool = False) -> None:
        self.folder = folder
        self._account = server_account()
        self._networks = {
            f"node{node}": [Tunnel("127.0.0.1", port) for port in own_ports(node)] if can_be_cut else []
            for node in NODES
        }

    @property
    def url(self) -> str:
        """Leads to whichever node leads."""
        hosts = ",".join(f"127.0.0.1:{self._reached(node).postgresql}" for node in NODES)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=2"

    def _reached(self, node: int) -> Ports:
        tunnels = self._networks[f"node{node}"]
        return Ports(*(tunnel.port for tunnel in tunnels)) if tunnels else own_ports(node)

    def cut(self, name: str) -> None:
        """Nothing reaches the node any more, nor does it reach etcd; no connection is closed."""
        for tunnel in self._networks[name]:
            tunnel.swallow()

    def mend(self, name: str) -> None:
        """Connect the node again."""
        for tunnel in self._networks[name]:
            tunnel.flow()

    def start(self, existing: Path | None = None) -> str:
        """Form it, from the data directory of a server that was stopped if there is one; the leader's name.

        Raises:
            TimeoutError: it does not form.
        """
        if shutil.which("etcd") is None:
            sys.exit("etcd is missing: apt install etcd-server")
        self._clear()
        self.folder.mkdir()
        self._give(self.folder)
        for tunnels in self._networks.values():
            for tunnel in tunnels:
                tunnel.start()
        self._run("etcd", "etcd", "--data-dir", self.folder / "etcd", "--name", "atb", *self._etcd_addresses())
        self.wait_for(_etcd_is_ready)
        for node in NODES:
            place = self.folder / f"node{node}"
            place.mkdir()
            config = _CONFIG.format(
                node=node,
                port=own_ports(node).postgresql,
                rest=own_ports(node).rest,
                reached=self._reached(node),
                folder=place,
                ttl=TTL,
                bin_dir=embedded.find_binaries(),
            )
            (place / "patroni.yml").write_text(config, encoding="utf-8")
            self._give(place)
            if node == 1 and existing is not None:
                existing.rename(place / "data")
        self.start_node(1)
        self.wait_for(lambda: self.leader() is not None)
        for node in NODES[1:]:
            self.start_node(node)
        self.wait_for(self.complete)
        return str(self.leader())

    def start_node(self, node: int) -> None:
        """Start its Patroni, which starts its PostgreSQL."""
        patroni = Path(sys.executable).parents[2] / ".venv-cluster" / "bin" / "patroni"
        self._run(f"node{node}", patroni, self.folder / f"node{node}" / "patroni.yml")

    def stop(self) -> None:
        """End all of it, and remove its files."""
        self._clear()
        for tunnels in self._networks.values():
            for tunnel in tunnels:
                tunnel.stop()

    def _clear(self) -> None:
        for file in self.folder.glob("*.pid"):
            self.signal(file.stem, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to Patroni and all of its PostgreSQL, or to etcd; those that are gone do not matter."""
        pids = [int((self.folder / f"{name}.pid").read_text())]
        postmaster = self.folder / name / "data" / "postmaster.pid"
        if postmaster.exists():
            pids.append(int(postmaster.read_text().split()[0]))
        for pid in [*pids, *(child for parent in pids for child in _children(parent))]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def members(self) -> dict[str, dict[str, object]]:
        """What Patroni says of each node, by any that answers; empty while none does."""
        for node in NODES:
            try:
                with urlopen(f"http://127.0.0.1:{own_ports(node).rest}/cluster", timeout=2) as answer:
                    return {str(one["name"]): one for one in json.load(answer)["members"]}
            except OSError:
                continue
        return {}

    def leader(self) -> str | None:
        """The leader's name; None while there is none."""
        return next((name for name, one in self.members().items() if one["role"] == "leader"), None)

    def complete(self) -> bool:
        """Whether there are a leader, a synchronous standby, and another."""
        roles = [one["role"] for one in self.members().values() if one["state"] in {"running", "streaming"}]
        return len(roles) == len(NODES) and "leader" in roles and "sync_standby" in roles

    def switch_over(self, leader: str) -> None:
        """Have another one lead, as for maintenance; it returns when that one does."""
        rest = f"http://127.0.0.1:{own_ports(int(leader.removeprefix('node'))).rest}/switchover"
        with urlopen(Request(rest, json.dumps({"leader": leader}).encode()), timeout=60) as answer:
            answer.read()

    def wait_for(self, condition: Callable[[], bool], seconds: float = _FORM_SECONDS) -> None:
        """Until it is so.

        Raises:
            TimeoutError: it takes longer.
        """
        until = monotonic() + seconds
        while not condition():
            if monotonic() > until:
                raise TimeoutError(f"not after {seconds} s: see the logs in {self.folder}")
            sleep(0.5)

    def _etcd_addresses(self) -> list[str]:
        client = ["--listen-client-urls", _ETCD, "--advertise-client-urls", _ETCD]
        return [*client, "--listen-peer-urls", _PEER, "--initial-advertise-peer-urls", _PEER,
                "--initial-cluster", f"atb={_PEER}"]  # fmt: skip

    def _give(self, folder: Path) -> None:
        folder.chmod(0o755)
        if self._account.uid is not None:
            shutil.chown(folder, self._account.uid, self._account.gid)

    def _run(self, name: str, *command: str | Path) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment() | {"HOME": str(self.folder)},
                start_new_session=True,
                user=self._account.uid,
                group=self._account.gid,
                extra_groups=self._account.groups,
            )
        child.returncode = 0  # it goes on when this process ends
        (self.folder / f"{name}.pid").write_text(str(child.pid))


def _etcd_is_ready() -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{_ETCD_PORT}/version", timeout=2) as answer:
            return str(json.load(answer)["etcdcluster"]) != "not_decided"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start"]:
            cluster = Cluster()
            print(f"{cluster.start()} leads. export DATABASE_URL='{cluster.url}'")  # noqa: T201
        case ["stop"]:
            Cluster().stop()
        case _:
            sys.exit(__doc__)
