"""Run in a guest, where the clock is nobody else's: sets it an hour ahead while a busy session is recorded.

Prints one JSON object: what `show -o json` makes of the recording, `bounds` with the times (s since 1970) at which the
recording began, the clock was set, had been set, and the recording had ended, and whether the bytes are `exact`.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.container import container
from tests.support.recorder import recording
from tests.support.terminal import Terminal

_SCRIPT = "for ((n = 1; ; n++)); do echo line $n; /bin/true $n; read -r -t 0.05 line && break; done"
_LINES_AFTER = 8
"""So many more are printed once the clock is known to have been set."""


def main() -> None:
    with container() as victim:
        bounds = [time.time()]
        with recording({"container_id": victim.id}, sessions=1) as live:
            with Terminal(victim.exec_argv("/bin/bash", "-c", _SCRIPT)) as busy:
                busy.expect(b"line 10", timeout=60)
                bounds.append(time.time())
                time.clock_settime(time.CLOCK_REALTIME, bounds[-1] + 3600)
                bounds.append(time.time())
                live.wait_for("clock")
                while busy.read(0):  # what was printed meanwhile
                    pass
                wanted = busy.output.count(b"line ") + _LINES_AFTER
                busy.expect(b"line %d" % wanted, timeout=60)
                busy.send(b"stop\r")
                assert busy.wait(60) == 0
            end = live.end()
            bounds.append(time.time())
        exact = live.output() == busy.output and not end.lost
    with tempfile.NamedTemporaryFile(suffix=".ebpfaudit") as log:
        Path(log.name).write_bytes(live.log)
        show = [sys.executable, "-m", "kubectl_ebpfaudit", "show", log.name, "--output", "json"]
        shown = json.loads(subprocess.run(show, check=True, capture_output=True).stdout)
    print(json.dumps({"bounds": bounds, "exact": exact, "shown": shown}))


if __name__ == "__main__":
    main()
