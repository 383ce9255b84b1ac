"""`record --least-privilege` on a real cluster: a pod that is not privileged records as much as one that is."""

import json
from pathlib import Path
from typing import Any

from kubectl_ebpfaudit.cluster.pod import CAPABILITIES
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.test_record import Record, _client, _in_node, _processes_with, _recorders, _shell

# Of another user, with a terminal of its own: /proc shows both only to those who may look at everybody's processes.
_OTHER_USER = b"setpriv --reuid 1000 --clear-groups script -qc 'id -u; ls /etc/hostname' /dev/null\r"


def _capabilities(node: Node) -> int:
    """Which capabilities the recorder's processes on the node have, as a bit set."""
    [pid] = [pid for pid in _processes_with("agent\0--spool") if _in_node(node, pid)]
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("CapEff:")]
    return int(line.split()[1], 16)


def test_session_is_recorded_byte_for_byte_by_a_pod_that_is_not_privileged(
    node: Node, victim: Victim, tmp_path: Path
) -> None:
    path = tmp_path / "s.ebpfaudit"
    arguments = ("-n", victim.namespace, "-w", str(path), "--sessions", "3", "--least-privilege")
    with _shell(node, victim) as early:
        early.expect(b"# ")
        early.send(b"cd /tmp; PS1='@''> '\r")
        early.expect(b"@> ")
        before = len(early.output)
        with Record(node, victim.pod, *arguments) as record:
            record.expect(b"^Recording .*\n")
            [pod] = _recorders(node)
            has = _capabilities(node)
            with _shell(node, victim) as terminal:
                terminal.expect(b"# ")
                terminal.send(b"seq 20000; stty -echo; echo ready; read -r secret; stty echo; echo over\r")
                terminal.expect(b"ready\r\n")
                terminal.send(b"hunter2\r")
                terminal.expect(b"over\r\n")
                terminal.send(b"exit\r")
                assert terminal.wait() == 0
            with _shell(node, victim) as other:
                other.expect(b"# ")
                other.send(_OTHER_USER)
                other.expect(b"1000\r\n/etc/hostname\r\n")
                other.expect(b"# ")
                other.send(b"exit\r")
                assert other.wait() == 0
            early.send(b"exit\r")
            assert early.wait() == 0
            assert record.wait() == 0
    assert b"nothing was lost" in record.said
    _assert_least_privilege(pod, has)

    shown = json.loads(_client(node, "show", str(path), "-o", "json"))
    under_way, whole, of_other = shown["sessions"]
    [bash] = [run for run in under_way["execs"] if run["argv"] == ["bash", "--norc"]]
    assert bash["cwd"] == "/tmp"
    assert _client(node, "export", f"{path}/1", "--format", "raw") == early.output[before:]
    assert ["seq", "20000"] in [run["argv"] for run in whole["execs"]]
    assert _client(node, "export", f"{path}/2", "--format", "raw") == terminal.output
    typed = _client(node, "export", f"{path}/2", "--format", "raw", "--direction", "in")
    assert typed == terminal.sent.replace(b"hunter2\r", b"")
    assert ["ls", "/etc/hostname"] in [run["argv"] for run in of_other["execs"]]


def _assert_least_privilege(pod: dict[str, Any], has: int) -> None:
    [container] = pod["spec"]["containers"]
    context = container["securityContext"]
    assert context["privileged"] is False
    assert context["allowPrivilegeEscalation"] is False
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["capabilities"] == {"drop": ["ALL"], "add": list(CAPABILITIES)}
    # include/uapi/linux/capability.h
    numbers = {"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "PERFMON": 38, "BPF": 39}
    assert has == sum(1 << numbers[name] for name in CAPABILITIES)


def test_image_pull_secret_is_in_the_pod(node: Node, victim: Victim, tmp_path: Path) -> None:
    arguments = ("-n", victim.namespace, "-w", str(tmp_path / "x"), "--image-pull-secret", "registry")
    with Record(node, victim.pod, *arguments) as record:
        record.expect(b"^Recording .*\n")
        [pod] = _recorders(node)
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
