"""Whether a recorder stays as small as it was: many sessions, for a long time."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.bench import cluster
from tests.bench.row import Row
from tests.bench.session import cpu_seconds, status
from tests.cluster import evidence
from tests.cluster.busy import Busy

_SESSIONS, _AT_A_TIME = 50, 5
_WARM_UP = 0.2  # of the time
_SAMPLE_SECONDS = 2.0
_REST_SECONDS = 20
_PAUSE_SECONDS = 1.0


def soak(folder: Path, seconds: float) -> list[Row]:
    """50 sessions that print and run a command each second, all open for so long."""
    log = folder / "soak.ebpfaudit"
    with cluster.node() as on:
        with cluster.Record(on, log, "--duration", f"{int(seconds) + 900}s"), ExitStack() as open_sessions:
            agent = cluster.recorder_process(on, "agent")
            busy = [Busy(on, "default", "victim", folder=folder, pause=_PAUSE_SECONDS) for _ in range(_SESSIONS)]
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                list(pool.map(open_sessions.enter_context, busy))
            began, used = time.monotonic(), cpu_seconds(agent)
            samples = []
            while (elapsed := time.monotonic() - began) < seconds:
                samples.append((elapsed, status(agent, "VmRSS") / 1024))
                time.sleep(_SAMPLE_SECONDS)
            at_work = (cpu_seconds(agent) - used) / elapsed * 100
            for one in busy:
                one.stop()
            before = cpu_seconds(agent)
            time.sleep(_REST_SECONDS)
            at_rest = (cpu_seconds(agent) - before) / _REST_SECONDS * 100
        whole = sum(evidence.check(log, one).is_whole for one in busy)
    warm = [mb for elapsed, mb in samples if elapsed >= _WARM_UP * seconds]
    tenth = max(1, len(warm) // 10)
    first, last = statistics.mean(warm[:tenth]), statistics.mean(warm[-tenth:])
    growth = (max(warm) / first - 1) * 100
    name = f"{_SESSIONS} sessions for {seconds / 60:.0f} min"
    return [
        Row(f"{name}: whole in the log", str(whole), str(_SESSIONS), whole == _SESSIONS),
        Row(f"{name}: agent, resident at first, at last", f"{first:.1f}, {last:.1f} MB", "", True),
        Row(f"{name}: most after the warm-up", f"{growth:+.1f} %", "<= 10 %", growth <= 10),
        Row(f"{name}: agent, of a core", f"{at_work:.1f} %", "", True),
        Row("agent at rest after that: of a core", f"{at_rest:.2f} %", "<= 1 %", at_rest <= 1),
    ]
