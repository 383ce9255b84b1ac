"""A kernel that lets nobody look into it: a machine of its own, since there is no way back."""

from pathlib import Path

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]
_LOCKED = r"""
mount -t securityfs securityfs /sys/kernel/security
echo confidentiality >/sys/kernel/security/lockdown
mkdir /sys/fs/cgroup/victim /tmp/spool
sleep 1000 &
echo $! >/sys/fs/cgroup/victim/cgroup.procs
/usr/bin/python3 -m recorder agent --spool /tmp/spool --config '{"recording": "test", "targets": [{"pid": '$!'}]}'
code=$?
kill $!
exit $code
"""


def test_lockdown_confidentiality_is_told_before_anything_is_compiled(guest_6_1: Guest) -> None:
    with Guest(guest_6_1.kernel_dir, memory_mb=512) as guest:
        done = guest.run(["sh", "-c", _LOCKED], timeout=100, cwd=ROOT)
    assert done.output.startswith(b"error: the kernel lets no BPF program read its memory: it is in lockdown mode ")
    assert done.output.count(b"\n") == 1
    assert done.returncode == 13
