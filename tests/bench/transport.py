"""How fast a log comes from its recorder to this machine, and what a bad connection costs it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.bench import cluster
from tests.bench.row import Row
from tests.bench.session import CLI, cpu_seconds, run, status
from tests.cluster import evidence
from tests.cluster.busy import Busy
from tests.cluster.client import Client
from tests.cluster.faults import reset_often
from tests.cluster.node import Node

_RESETS = 200
_LOOK_SECONDS = 0.02
_SECONDS = 300


def _plugin(on: Node, *arguments: str) -> bytes:
    """What the command prints on stdout. Raises CalledProcessError."""
    command = on.command([str(CLI), *arguments])
    return subprocess.run(command.argv, env=command.env, stdout=subprocess.PIPE, check=True).stdout


def transport(folder: Path, size: int) -> list[Row]:
    """`size` bytes that nothing compresses are printed while nobody fetches them; then a client does."""
    log = folder / "fetched.ebpfaudit"
    with cluster.node() as on:
        _plugin(on, "record", "victim", "--detach")
        flood = on.command(["kubectl", "exec", "-it", "victim", "--", "head", "-c", str(size), "/dev/urandom"])
        run(flood.argv, flood.env)
        [recorder] = json.loads(_plugin(on, "status", "-o", "json"))
        waiting = recorder["log_bytes"]
        attach = on.command([str(CLI), "attach", "-w", str(log)])
        with subprocess.Popen(attach.argv, env=attach.env, stdout=subprocess.DEVNULL) as client:
            deadline = time.monotonic() + _SECONDS
            _wait_size(log, 1, deadline)
            started = time.monotonic()
            _wait_size(log, waiting, deadline)
            seconds = time.monotonic() - started
            peak, cpu = status(client.pid, "VmHWM") / 1024, cpu_seconds(client.pid)
            client.send_signal(signal.SIGINT)
            client.wait(_SECONDS)
    size_mb, rate = waiting / 1e6, waiting / 1e6 / seconds
    return [
        Row(f"a log of {size_mb:.0f} MB that waited: attach fetches", f"{rate:.0f} MB/s", ">= 80 MB/s", rate >= 80),
        Row("the client meanwhile: peak memory", f"{peak:.0f} MB", "<= 100 MB", peak <= 100),
        Row("the client meanwhile: CPU, its start included", f"{cpu:.1f} s", "", True),
    ]  # fmt: skip


def _wait_size(path: Path, size: int, deadline: float) -> None:
    """Returns when the file is so large. Raises TimeoutError at the deadline (s, monotonic)."""
    while not path.exists() or os.stat(path).st_size < size:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} does not grow to {size} bytes")
        time.sleep(_LOOK_SECONDS)


def resets(folder: Path) -> list[Row]:
    """What 200 connections that are reset at random bytes cost a busy session's log."""
    log = folder / "resets.ebpfaudit"
    with cluster.node() as on, on.proxy() as proxy:
        client = Client(on, folder / "proxied", port=proxy.port)
        with (
            client.record("default", "victim", log) as record,
            Busy(on, "default", "victim", folder=folder, words=1500, pause=0.02) as busy,
        ):
            started = time.monotonic()
            reset_often(proxy, record, _RESETS)
            seconds = time.monotonic() - started
            busy.stop()
            record.stop()
    found = evidence.check(log, busy)
    lost = found.shown - found.recorded
    return [
        Row(f"{_RESETS} resets in {seconds:.0f} s: bytes of {found.shown / 1e6:.1f} MB lost", str(lost), "0",
            found.is_whole and not lost),
    ]  # fmt: skip
