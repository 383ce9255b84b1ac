"""What a write to a terminal costs that is nobody's session's, while terminals are watched by fexit.

In a guest, since this machine may have no fexit. Nanoseconds mean little where a processor is emulated: so it is told
in times of what an empty program at the same function takes there. Run as a program it is what runs in the guest.
"""

import ctypes
import json
import os
import pty
import struct
import sys
import tempfile
import tty
from pathlib import Path

from recorder import bpf, loader
from recorder.btf import KIND_FUNC, Btf
from tests.bench.row import Row

ROOT = Path(__file__).parents[2]
_WRITES = 20_000
_ENABLE_STATS, _INFO_BY_FD = 32, 15  # of bpf(2)
_TRACING, _FEXIT = 26, 25  # of enum bpf_prog_type and bpf_attach_type
_NAME_AT, _RUN_AT = 64, 192  # of struct bpf_prog_info
_SECONDS = 600.0


def pty_elsewhere() -> list[Row]:
    """Boots Linux 6.12, as the tests of tests/guest do."""
    from tests.guest.conftest import _fetch_kernel
    from tests.guest.guest import Guest

    with tempfile.TemporaryDirectory() as folder, Guest(_fetch_kernel("trixie", Path(folder))) as guest:
        done = guest.run(["/usr/bin/python3", "-m", "tests.bench.pty_elsewhere"], timeout=_SECONDS, cwd=ROOT)
        assert done.returncode == 0, done.output.decode()
    told = json.loads(done.output.splitlines()[-1])
    times = told["recorder"] / told["empty"]
    value = f"{times:.1f} times, by 2 programs"
    return [Row("a write to another pty by fexit, in BPF, emulated: times an empty program", value, "", True)]


def main() -> None:
    probes = loader.load(ways={"tty": ["fexit"], "warnings": ["none"]})
    function = Btf()._find("pty_write", KIND_FUNC)
    empty = bpf._load(_TRACING, bpf.NOTHING, _FEXIT, function)
    bpf._bpf(17, struct.pack("=QII", 0, empty, 0))  # held until the end of this process
    ours = [fd for fd in probes.programs if "pty_w" in info(fd)[0]]
    bpf._bpf(_ENABLE_STATS, struct.pack("=I", 0))
    go_on, go = os.pipe()
    child, terminal = pty.fork()  # as a shell's: it has a leader
    if not child:
        tty.setraw(1)
        os.read(go_on, 1)
        for _ in range(_WRITES):
            os.write(1, b"x")
        os._exit(0)
    before = {fd: info(fd)[1:] for fd in (empty, *ours)}
    os.write(go, b"x")
    left = _WRITES
    while left:
        left -= len(os.read(terminal, left))
    ns = {fd: each(before[fd], info(fd)[1:]) for fd in before}
    json.dump({"recorder": sum(ns[fd] for fd in ours), "empty": ns[empty]}, sys.stdout)


def info(program: int) -> tuple[str, int, int]:
    """(name, ns that it ran, how often) of a program."""
    said = ctypes.create_string_buffer(256)
    bpf._bpf(_INFO_BY_FD, struct.pack("=IIQ", program, len(said), ctypes.addressof(said)))
    ns, runs = struct.unpack_from("=QQ", said, _RUN_AT)
    return said.raw[_NAME_AT : _NAME_AT + 16].split(b"\0")[0].decode(), ns, runs


def each(before: tuple[int, int], after: tuple[int, int]) -> float:
    """ns of a run, of what `info` said before and after."""
    return (after[0] - before[0]) / (after[1] - before[1])


if __name__ == "__main__":
    main()
