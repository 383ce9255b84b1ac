"""A throw-away container under runc, with bash and real execs of every command in it."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.terminal import Terminal

RUNS = Path("/run")
PREFIX = "ebpfaudit-run-"


_SETS = ("bounding", "effective", "permitted")
_CAPABILITIES = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETPCAP",
]  # fmt: skip


@dataclass(frozen=True)
class Container:
    """A running container. Its own init is `sleep`."""

    id: str
    root: Path
    state: Path
    cgroup: str
    terminal: Terminal | None = None
    """The other end of the terminal of its own program, if that has one."""
    piped: "subprocess.Popen[bytes] | None" = None
    """The other end of the pipes of its own program, if it was made with `stdin`."""

    def exec_argv(self, *argv: str, tty: bool = True, cwd: str | None = None) -> list[str]:
        """The command line that runs `argv` in it, as `kubectl exec` has the runtime do."""
        flags = (["-t"] if tty else []) + (["--cwd", cwd] if cwd else [])
        return ["runc", "--root", str(self.state), "exec", *flags, self.id, *argv]

    def exec(self, *argv: str) -> str:
        """Runs `argv` in it without a terminal; its output. Raises CalledProcessError."""
        done = subprocess.run(
            self.exec_argv(*argv, tty=False),
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    @property
    def init(self) -> int:
        """Host process ID of the container's init."""
        state = subprocess.run(["runc", "--root", str(self.state), "state", self.id], capture_output=True, check=True)
        pid: int = json.loads(state.stdout)["pid"]
        return pid

    def kill(self) -> None:
        """Ends the container's init, and so the container."""
        subprocess.run(["runc", "--root", str(self.state), "kill", self.id, "KILL"], check=True)


def _root_filesystem(root: Path) -> None:
    """bash and busybox, both static. bash execs busybox's links, so each command is a real exec."""
    for folder in ("bin", "usr/bin", "etc", "proc", "sys", "dev", "tmp", "root"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/bash-static", root / "bin/bash")
    shutil.copy("/bin/busybox", root / "bin/busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        if applet not in ("bash", "busybox"):
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\n")


def _overlay(folder: Path) -> None:
    """Makes the root file system the lower layer of an overlay in its place."""
    root, lower = folder / "bundle/rootfs", folder / "lower"
    root.rename(lower)
    for path in (root, folder / "upper", folder / "work"):
        path.mkdir()
    layers = f"lowerdir={lower},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], check=True)


def _spec(bundle: Path, command: Sequence[str], cgroup: str, own_pids: bool, privileged: bool, programs: bool) -> None:
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    path = bundle / "config.json"
    spec = json.loads(path.read_text())
    spec["process"].update(terminal=False, args=list(command))
    spec["process"]["env"] = ["PATH=/bin:/usr/bin", "TERM=xterm-256color", "HOME=/root", "LANG=C.UTF-8"]
    spec["root"]["readonly"] = False
    spec["hostname"] = "victim"
    spec["linux"]["cgroupsPath"] = cgroup
    spec["linux"]["resources"] = {}
    if privileged:
        spec["process"].update(noNewPrivileges=False, capabilities=dict.fromkeys(_SETS, _CAPABILITIES))
        spec["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"})
    if not own_pids:
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]
    if programs:
        spec["mounts"].append({"destination": "/usr", "source": "/usr", "type": "bind", "options": ["rbind", "ro"]})
        for name in ("lib", "lib64"):
            (bundle / "rootfs" / name).symlink_to(f"usr/{name}")
    path.write_text(json.dumps(spec))


def remove_leftovers() -> None:
    """Removes what runs that are dead have left."""
    for folder in RUNS.glob(PREFIX + "*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _remove(folder)


def _remove(folder: Path) -> None:
    state = folder / "state"
    for container in state.glob("*"):
        subprocess.run(["runc", "--root", str(state), "delete", "-f", container.name], check=False)
    if (root := folder / "bundle/rootfs").is_mount():
        subprocess.run(["umount", str(root)], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    for cgroup in Path("/sys/fs/cgroup").glob(f"*/{folder.name}"):
        with suppress(OSError):
            cgroup.rmdir()
    with suppress(OSError):
        Path("/sys/fs/cgroup", folder.name).rmdir()


@contextmanager
def container(
    command: Sequence[str] = ("/bin/sleep", "1000000"),
    beside: Container | None = None,
    own_pids: bool = True,
    name: str = "",
    overlay: bool = False,
    privileged: bool = False,
    programs: bool = False,
    terminal: bool = False,
    stdin: bool = False,
) -> Iterator[Container]:
    """A container that runs `command`; gone afterwards. Needs root, runc, bash-static, busybox-static.

    Its cgroup is `beside` that of another, as in a pod. Without `own_pids` it shares the machine's process IDs.
    `name` is its ID. With `overlay` its root is one, as runtimes make it: an image below a writable layer.
    With `privileged` root in it may do all that root may, and programs may give privileges; /mnt is a tmpfs.
    With `programs` it has this machine's in /usr. With `terminal` its program, which then says `# ` first, is on one.
    With `stdin` its program has pipes, and says a line first.
    """
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=RUNS))
    bundle, state = folder / "bundle", folder / "state"
    bundle.mkdir()
    name = name or uuid.uuid4().hex * 2
    cgroup = f"{Path(beside.cgroup).parent if beside else '/' + folder.name}/{name}"
    try:
        _root_filesystem(bundle / "rootfs")
        if overlay:
            _overlay(folder)
        _spec(bundle, command, cgroup, own_pids, privileged, programs)
        if terminal:
            spec = json.loads((bundle / "config.json").read_text())
            spec["process"]["terminal"] = True
            (bundle / "config.json").write_text(json.dumps(spec))
            with Terminal(["runc", "--root", str(state), "run", "-b", str(bundle), name]) as own:
                own.expect(b"# ")
                yield Container(name, bundle / "rootfs", state, cgroup, own)
            return
        if stdin:
            with subprocess.Popen(
                ["runc", "--root", str(state), "run", "-b", str(bundle), name],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            ) as piped:  # fmt: skip
                assert piped.stdout
                assert piped.stdout.readline()
                try:
                    yield Container(name, bundle / "rootfs", state, cgroup, piped=piped)
                finally:
                    piped.kill()
            return
        with (folder / "output").open("wb") as output:
            subprocess.run(
                ["runc", "--root", str(state), "run", "-d", "-b", str(bundle), name],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip
        yield Container(name, bundle / "rootfs", state, cgroup)
    finally:
        _remove(folder)
