"""What the probes at pty_write() take on this machine for a terminal of no session, though it may have no fexit.

Their way to "no" is compiled into programs at a raw tracepoint, which look at the terminal of the task there; what it
takes to get at that is taken off. Run as a program, by a Python that has bcc, it prints ns by program.
"""

import json
import os
import pty
import subprocess
from pathlib import Path

from recorder import bpf, ladder, probes
from recorder.btf import Btf
from tests.bench.elsewhere import stats
from tests.bench.pty_elsewhere import each, info
from tests.bench.row import Row

ROOT = Path(__file__).parents[2]
_CALLS = 50_000
_WAYS = {"exec": "tracepoint", "fork": "tracepoint", "exit": "tracepoint", "tty": "fexit"}
_PROGRAMS = {"reach": "tty != NULL", "fentry": "may_be_master(tty)", "fexit": "may_be_end(tty)"}
_TEXT = """
int raw_{name}(u64 *ctx)
{{
	void *task = typed_task(), *signal = NULL, *tty = NULL;

	FOLLOW(signal, task, OFF_task_struct_signal);
	FOLLOW(tty, signal, OFF_signal_struct_tty);
	return {returned};
}}
"""


def pty_here() -> list[Row]:
    """Both programs together, an empty program's time for each included."""
    done = subprocess.run(["/usr/bin/python3", "-m", "tests.bench.pty_here"], cwd=ROOT, capture_output=True, check=True)
    ns = json.loads(done.stdout.splitlines()[-1])
    both = 2 * ns["empty"] + ns["fentry"] + ns["fexit"] - 2 * ns["reach"]
    value = f"{both:.0f} ns, 2 x {ns['empty']:.0f} of it empty programs"
    return [Row("what these programs look at, on this machine", value, "<= 150 ns", both <= 150)]


def main() -> None:
    child, terminal = pty.fork()  # a terminal of its own
    if not child:
        print(json.dumps(_measure()), flush=True)
        os._exit(0)
    with open(terminal, "rb", buffering=0) as output:
        text = b""
        while line := _read(output.fileno()):
            text += line
    os.waitpid(child, 0)
    print(text.decode().strip())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody has the other end any more
        return b""


def _measure() -> dict[str, float]:
    bcc = probes.compiler()
    choice = {kind.name: kind.way(_WAYS.get(kind.name, "")) for kind in ladder.KINDS}
    text = probes.source(choice) + "".join(_TEXT.format(name=n, returned=what) for n, what in _PROGRAMS.items())
    size = 1 << 16
    module = bcc(text=text, cflags=probes.flags(Btf(), choice, text, True, (size, size), os.getpid()))
    programs = {name: module.load_func(f"raw_{name}".encode(), bcc.RAW_TRACEPOINT).fd for name in _PROGRAMS}
    programs["empty"] = bpf.load(bpf.NOTHING)
    with stats():
        return {name: _ns(program) for name, program in programs.items()}


def _ns(program: int) -> float:
    link = bpf.open_raw_tracepoint("sys_exit", program)
    before = info(program)[1:]
    for _ in range(_CALLS):
        os.getppid()
    after = info(program)[1:]
    os.close(link)
    return each(before, after)


if __name__ == "__main__":
    main()
