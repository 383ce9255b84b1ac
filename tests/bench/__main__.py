"""Runs the measurements and prints one table."""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from tests.bench import cluster
from tests.bench.crowds import ringing_up, sessions
from tests.bench.elsewhere import elsewhere
from tests.bench.export import exports
from tests.bench.image import compressed_bytes
from tests.bench.pty_elsewhere import pty_elsewhere
from tests.bench.pty_here import pty_here
from tests.bench.reading import reading, starts
from tests.bench.replay import replays
from tests.bench.row import Row
from tests.bench.session import CLI, Seen, add_program, cli, cpu_seconds, record, run, status
from tests.bench.soak import soak
from tests.bench.transport import resets, transport
from tests.cluster.node import Missing, requirements
from tests.support.container import Container, container

# coreutils, as in most images: busybox's base64 and head make a system call for every line.
FLOOD = "/usr/bin/base64 /dev/urandom | /usr/bin/head -c {bytes}"
FLOOD_BY_LINES = "/bin/base64 /dev/urandom | /bin/head -c {bytes}"
COMMANDS = "i=0; while [ $i -lt {count} ]; do /bin/true $i; i=$((i+1)); done"
ROUNDS = 3
REST_SECONDS = 10


def _exec(victim: Container, script: str) -> list[str]:
    return victim.exec_argv("/bin/bash", "-c", script)


def _totals(log: Path) -> dict[str, int]:
    shown = json.loads(cli("show", str(log), "-o", "json"))
    sessions = shown["sessions"]
    return {
        "execs": sum(len(s["execs"]) for s in sessions),
        "lost_events": sum(s["lost_events"] for s in sessions),
        "lost_bytes": sum(s["lost_bytes"] for s in sessions),
    }


def _same(log: Path, session: str, seen: Seen) -> bool:
    argv = [str(CLI), "export", f"{log}/{session}", "--format", "raw"]
    digest = hashlib.sha256()
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as export:
        assert export.stdout
        while data := export.stdout.read(1 << 20):
            digest.update(data)
    return digest.hexdigest() == seen.sha256


def _ratio(victim: Container, folder: Path, name: str, script: str) -> tuple[float, Path, Seen]:
    """Median over paired rounds of the session's time with recording by that without; the last log."""
    ratios = []
    log, seen = folder / name, run(_exec(victim, "true"))
    for i in range(ROUNDS):
        plain = run(_exec(victim, script))
        log = folder / f"{name}-{i}.ebpfaudit"
        with record(victim, log, "--sessions", "1"):
            seen = run(_exec(victim, script))
        ratios.append(seen.seconds / plain.seconds)
    return statistics.median(ratios), log, seen


def flood(victim: Container, folder: Path, size: int) -> list[Row]:
    ratio, log, seen = _ratio(victim, folder, "flood", FLOOD.format(bytes=size))
    totals = _totals(log)
    same = _same(log, "1", seen)
    part = log.stat().st_size / seen.bytes
    mb = seen.bytes / 1e6
    return [
        Row(f"flood of {mb:.0f} MB: raw export equals what the client received", str(same), "True", same),
        Row("flood: events and bytes lost", f"{totals['lost_events']}, {totals['lost_bytes']}", "0, 0",
            not totals["lost_events"] and not totals["lost_bytes"]),
        Row("flood: time with recording / without", f"{ratio:.2f}", "<= 1.15", ratio <= 1.15),
        Row("flood: log / raw bytes", f"{part:.2f}", "<= 0.85", part <= 0.85),
    ]  # fmt: skip


def flood_by_lines(victim: Container, folder: Path, size: int) -> list[Row]:
    ratio, _, _ = _ratio(victim, folder, "lines", FLOOD_BY_LINES.format(bytes=size))
    return [Row("flood by busybox, a system call a line: time with / without", f"{ratio:.2f}", "", True)]


def sequence(victim: Container, folder: Path) -> list[Row]:
    log = folder / "seq.ebpfaudit"
    with record(victim, log, "--sessions", "1"):
        seen = run(_exec(victim, "/usr/bin/seq 1 1000000"))
    part = log.stat().st_size / seen.bytes
    same = _same(log, "1", seen)
    return [
        Row("seq 1 1000000: raw export equals what the client received", str(same), "True", same),
        Row("seq 1 1000000: log / raw bytes", f"{part:.2f}", "<= 0.25", part <= 0.25),
    ]


def _all_commands(log: Path, count: int) -> tuple[int, int]:
    """(commands with their own argument, events lost) of the session that ran them."""
    shown = json.loads(cli("show", str(log), "-o", "json"))
    wanted = {str(i) for i in range(count)}
    found = {e["argv"][1] for s in shown["sessions"] for e in s["execs"] if e["argv"][:1] == ["/bin/true"]}
    return len(found & wanted), sum(s["lost_events"] for s in shown["sessions"])


def commands(victim: Container, folder: Path, count: int) -> list[Row]:
    ratio, log, _ = _ratio(victim, folder, "commands", COMMANDS.format(count=count))
    found, lost = _all_commands(log, count)
    return [
        Row(f"{count:,} commands: execs with full argv, lost", f"{found:,}, {lost}", f"{count:,}, 0",
            found == count and not lost),
        Row("commands: time with recording / without", f"{ratio:.2f}", "<= 1.08", ratio <= 1.08),
    ]  # fmt: skip


def commands_in_a_flood(victim: Container, folder: Path, count: int, size: int) -> list[Row]:
    log = folder / "both.ebpfaudit"
    seen: list[Seen] = []
    with record(victim, log, "--sessions", "2"):
        other = threading.Thread(target=lambda: seen.append(run(_exec(victim, FLOOD.format(bytes=size)))))
        other.start()
        run(_exec(victim, COMMANDS.format(count=count)))
        other.join()
    found, lost = _all_commands(log, count)
    totals = _totals(log)
    return [
        Row(f"{count:,} commands during the flood: execs with full argv, lost", f"{found:,}, {lost}", f"{count:,}, 0",
            found == count and not lost),
        Row("the flood meanwhile: bytes lost", str(totals["lost_bytes"]), "0", not totals["lost_bytes"]),
    ]  # fmt: skip


def rest(victim: Container, folder: Path) -> list[Row]:
    with record(victim, folder / "rest.ebpfaudit") as live:
        agent = live.agent()
        peak = sum(status(p, "VmHWM") for p in live.descendants() if p != live.process.pid)
        before = cpu_seconds(agent)
        time.sleep(REST_SECONDS)
        percent = (cpu_seconds(agent) - before) / REST_SECONDS * 100
        resident = status(agent, "VmRSS") / 1024
        seconds = live.seconds_to_live
    return [
        Row("record --local: live after", f"{seconds:.2f} s", "<= 1.0 s", seconds <= 1.0),
        Row("agent at rest: resident", f"{resident:.0f} MB", "<= 40 MB", resident <= 40),
        Row("agent at rest: of a core", f"{percent:.2f} %", "<= 1 %", percent <= 1),
        Row("recorder: agent and serve, peak after start", f"{peak / 1024:.0f} MB", "<= 200 MB", peak / 1024 <= 200),
    ]


def if_possible(measure: Callable[[], list[Row]]) -> Callable[[], list[Row]]:
    """Leaves out what needs a cluster where there can be none."""

    def measured() -> list[Row]:
        try:
            requirements.check()
        except Missing as missing:
            print(f"left out: what needs a cluster ({missing})", file=sys.stderr)
            return []
        return measure()

    return measured


def on_a_cluster(folder: Path, size: int) -> list[Row]:
    times = []
    with cluster.node() as node:
        for i in range(ROUNDS):
            with cluster.Record(node, folder / f"live{i}.ebpfaudit") as live:
                times.append(live.seconds_to_live)
        log = folder / "pod.ebpfaudit"
        with cluster.Record(node, log):
            seen = cluster.flood(node, size)
            peak = cluster.pod_peak(node)
    seconds, totals, same = statistics.median(times), _totals(log), _same(log, "1", seen)
    mb = seen.bytes / 1e6
    rows = [
        Row("record POD: live after, median of 3", f"{seconds:.2f} s", "<= 4 s", seconds <= 4),
        Row(f"kubectl exec -it, {mb:.0f} MB: raw export equals what kubectl printed", str(same), "True", same),
        Row("the same: events and bytes lost", f"{totals['lost_events']}, {totals['lost_bytes']}", "0, 0",
            not totals["lost_events"] and not totals["lost_bytes"]),
    ]  # fmt: skip
    if peak is not None:
        rows.append(Row("recorder pod: peak memory", f"{peak >> 20} MB", "<= 200 MB", peak >> 20 <= 200))
    return rows


def image() -> list[Row]:
    try:
        archive, _ = requirements.recorder_image()
    except Missing as missing:
        print(f"left out: the image ({missing})", file=sys.stderr)
        return []
    mb = compressed_bytes(archive) / 1e6
    return [Row("recorder's image, compressed", f"{mb:.0f} MB", "<= 100 MB", mb <= 100)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--flood-mb", type=int, default=100)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--spool-mb", type=int, default=300)
    parser.add_argument("--soak-minutes", type=float, default=30)
    parser.add_argument("--replay-mb", type=int, default=1000)
    sections = (
        "start",
        "reading",
        "image",
        "export",
        "replay",
        "rest",
        "elsewhere",
        "pty",
        "flood",
        "lines",
        "seq",
        "commands",
        "crowds",
        "both",
        "cluster",
        "transport",
        "soak",
    )
    parser.add_argument("--only", choices=sections)
    wanted = parser.parse_args()
    size = wanted.flood_mb * 1_000_000
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, container() as victim, nullcontext(Path(name)) as folder:
        add_program(victim, "/usr/bin/base64")
        add_program(victim, "/usr/bin/head")
        add_program(victim, "/usr/bin/seq")
        parts: dict[str, Callable[[], list[Row]]] = {
            "start": lambda: starts(folder),
            "reading": lambda: reading(folder),
            "image": image,
            "export": lambda: exports(folder),
            "replay": lambda: replays(folder, 100_000_000, wanted.replay_mb * 1_000_000),
            "rest": lambda: rest(victim, folder),
            "elsewhere": lambda: elsewhere(victim, folder),
            "pty": lambda: [*pty_elsewhere(), *pty_here()],
            "flood": lambda: flood(victim, folder, size),
            "lines": lambda: flood_by_lines(victim, folder, size),
            "seq": lambda: sequence(victim, folder),
            "commands": lambda: commands(victim, folder, wanted.commands),
            "crowds": lambda: sessions() + ringing_up(),
            "both": lambda: commands_in_a_flood(victim, folder, wanted.commands, size),
            "cluster": if_possible(lambda: on_a_cluster(folder, size)),
            "transport": if_possible(lambda: transport(folder, wanted.spool_mb * 1_000_000) + resets(folder)),
            "soak": if_possible(lambda: soak(folder, wanted.soak_minutes * 60)),
        }
        for part, measure in parts.items():
            if wanted.only in (None, part):
                print(f"measuring: {part}", file=sys.stderr)
                rows += measure()
    width = max(len(r.name) for r in rows)
    for r in rows:
        print(f"{r.name:<{width}}  {r.value:>12}  {r.goal:>10}  {'met' if r.met else 'NOT MET'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
