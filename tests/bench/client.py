"""The command line as it is installed, and how long it takes."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CLIENT = [sys.executable, "-m", "kubectl_ebpfaudit"]
ROOT = Path(__file__).parents[2]


def run(*arguments: str, home: Path, codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """(seconds, largest resident size of the program or its emulator in MB) of a command, start-up included.

    Raises CalledProcessError for an exit code that is none of `codes`.
    """
    # An installed program has its modules compiled: here from the second run on.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(ROOT), "EBPFAUDIT_HOME": str(home), "PYTHONPYCACHEPREFIX": str(home / "compiled")}
    started = time.monotonic()
    process = subprocess.Popen(arguments, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return seconds, used.ru_maxrss / 1024


def median(*arguments: str, home: Path, codes: tuple[int, ...] = (0,), times: int = 3) -> float:
    """Seconds: the median of some runs of the client, after one that does not count."""
    run(*CLIENT, *arguments, home=home, codes=codes)
    return statistics.median(run(*CLIENT, *arguments, home=home, codes=codes)[0] for _ in range(times))
