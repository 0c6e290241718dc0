"""The faults: how each is brought about and repaired."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import sleep
from typing import Final

import psycopg

from atb_db.embedded import Server
from tests.faults.scene import Fault, Scene

_TERMINATE: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atb_db' AND "
_POLLS: Final = 2000
_STORM: Final = 60


def terminate(condition: str) -> Callable[[Scene], None]:
    """End the clients' backends that meet the condition, at least one."""

    def strike(scene: Scene) -> None:
        for _ in range(_POLLS):
            if scene.execute(_TERMINATE + condition):
                return
        raise AssertionError(f"no backend was {condition}")

    return strike


def storm(scene: Scene) -> None:
    """End all the clients' backends 60 times in 3 seconds."""
    for _ in range(_STORM):
        scene.execute(_TERMINATE + "true")
        sleep(3 / _STORM)


def shut_down(scene: Scene) -> None:
    """As `pg_ctl stop -m immediate`: no checkpoint, and every client is cut off."""
    assert scene.server.child_process is not None
    scene.server.child_process.send_signal(signal.SIGQUIT)
    scene.server.child_process.wait()


def start(server: Server) -> None:
    """Start the server on the same port if it is down; until it answers."""
    child = server.child_process
    if child is None or child.poll() is not None:
        server.start()


def freeze(scene: Scene) -> None:
    """Stop every process of the server, the postmaster first."""
    scene.stopped = processes(scene.server)
    signal_all(scene.stopped, signal.SIGSTOP)


def thaw(scene: Scene) -> None:
    """Let them go on."""
    signal_all(scene.stopped, signal.SIGCONT)
    scene.stopped.clear()


def processes(server: Server) -> list[int]:
    """The postmaster, then its children; there is no group to signal, as each of them calls setsid."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        children = connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()").fetchall()
    return [server.pid, *(pid for (pid,) in children)]


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send it to each of them, but for those that have ended since."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def crowd(scene: Scene) -> None:
    """Take every connection that the server has, also those of the clients."""
    while True:
        try:
            while True:
                scene.held.append(psycopg.connect(scene.url, autocommit=True, application_name="crowd"))
        except psycopg.OperationalError:
            if not scene.held[0].execute((_TERMINATE + "true").encode()).fetchall():
                return


def disperse(scene: Scene) -> None:
    """Give them back."""
    while scene.held:
        scene.held.pop().close()


def lose(number: int, tag: str = "") -> Callable[[Scene], None]:
    """Lose the next answers to what was committed."""

    def strike(scene: Scene) -> None:
        before = scene.proxy.lost
        scene.proxy.lose_answers(number, tag=tag)
        while scene.proxy.lost < before + number:
            sleep(0.001)

    return strike


def set_delay(seconds: float) -> Callable[[Scene], None]:
    """Hold back each request and each answer."""

    def strike(scene: Scene) -> None:
        scene.proxy.delay = seconds

    return strike


def deafen(scene: Scene) -> None:
    """Cut every connection; new ones are accepted, and nobody answers."""
    scene.proxy.swallow()
    scene.proxy.cut()


IDLE_KILLED: Final = Fault(terminate("state = 'idle'"))
KILLED_IN_TRANSACTION: Final = Fault(terminate("state IN ('active', 'idle in transaction')"))
STORM: Final = Fault(storm)
RESTART: Final = Fault(shut_down, lambda scene: start(scene.server), lasts=0.2)
FROZEN: Final = Fault(freeze, thaw, lasts=2.0)
CROWDED: Final = Fault(crowd, disperse, lasts=2.0)
LOST_ANSWER: Final = Fault(lose(1), network=True)
LOST_COMMIT: Final = Fault(lose(1, "COMMIT"), network=True)
THREE_LOST: Final = Fault(lose(3), network=True)
BLACK_HOLE: Final = Fault(lambda scene: scene.proxy.swallow(), lambda scene: scene.proxy.flow(), 2.0, network=True)
DEAF: Final = Fault(deafen, lambda scene: scene.proxy.flow(), 2.0, network=True)
SLOW: Final = Fault(set_delay(0.05), set_delay(0), 2.0, network=True)
TOO_SLOW: Final = Fault(set_delay(1.5), set_delay(0), 5.0, network=True)
CUT: Final = Fault(lambda scene: scene.proxy.cut(), network=True)
