"""Reads mutated logs in processes of bounded memory and time; says which one broke what, and keeps it.

python -m tests.fuzz [--count N] [--seed S] [--processes P]
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.mutate import logs
from tests.fuzz.read import read

MEMORY = 256 << 20
"""Bytes beyond what the program takes before it has read anything."""
SECONDS = 20
"""That reading one log may take; all of them are of a few KB."""


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def work(seed: int, count: int) -> int:
    """Reads so many, and gives the number of faults."""
    faults = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path = Path(folder) / "fuzz.ebpfaudit"
        for place, data in enumerate(logs(seed, count)):
            if not place:
                _limit()
            signal.alarm(SECONDS)
            try:
                read(data, place, path)
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
                faults += 1
                kept = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{place}.ebpfaudit"
                kept.write_bytes(data)
                print(f"seed {seed}, number {place}, kept as {kept}:\n{traceback.format_exc()}", file=sys.stderr)
                if faults >= 3:
                    break
        signal.alarm(0)
    return faults


def main() -> None:
    """Shares the work out; the exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Read mutated logs.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        sys.exit(bool(work(given.seed, given.count)))
    began = time.monotonic()
    each = -(-given.count // given.processes)
    command = [sys.executable, "-m", "tests.fuzz", "--worker", "--count", str(each), "--seed"]
    workers = [subprocess.Popen([*command, str(given.seed + place)]) for place in range(given.processes)]
    codes = [worker.wait() for worker in workers]
    seconds = time.monotonic() - began
    print(f"{each * given.processes:,} mutations from seed {given.seed} in {seconds:.0f} s: exit codes {codes}")
    sys.exit(any(codes))


if __name__ == "__main__":
    main()
