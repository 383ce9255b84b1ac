"""`doctor --deep`: asks the recorder itself, in a pod on the node that is always deleted afterwards."""

import json
import uuid
from collections.abc import Iterator, Sequence

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.carrier import SPOOL_BYTES, Order
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster import recorders
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.checks import Check, doubtful, failed, passed, skipped
from kubectl_ebpfaudit.cluster.errors import ApiError, PodDidNotStart
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.state import PodWatch
from kubectl_ebpfaudit.interrupt import Interrupted, Signals
from kubectl_ebpfaudit.probes import COSTLY
from recorder.log.errors import AuditError, CannotWrite, KernelRefused, NoBtf, NoSuchTarget, NotRoot
from replay.escape import printable

_TITLE = "recorder on the node"
_SECONDS = pods.START_SECONDS + 60.0
_GONE_SECONDS = 20.0
_MAX_ANSWER = 1 << 16
_SPOOL_LEAST, _MEMORY_ENOUGH = 64 << 20, 256 << 20


def examine(api: Api, place: pods.Place) -> Iterator[Check]:
    """What the recorder finds on the node. Raises Interrupted, with the pod deleted as well."""
    watch = PodWatch(api, place.namespace, pods.new_name(str(uuid.uuid4())))
    answer: Object | Check
    try:
        answer, left = _ask(api, place, watch)
    except Interrupted as error:
        raise Interrupted("interrupted while the recorder looked at the node", error.number) from None
    if isinstance(answer, Check):
        yield answer
    else:
        yield from _checks(answer, place, watch.last)
    yield failed("recorder's pod", left) if left else passed("recorder's pod", "deleted")


def ways(api: Api, place: pods.Place) -> object:
    """What a recorder on the node says of every way to watch something there. Raises AuditError."""
    watch = PodWatch(api, place.namespace, pods.new_name(str(uuid.uuid4())))
    answer, left = _ask(api, place, watch, "--every-way")
    if isinstance(answer, Check):
        raise PodDidNotStart(f"node {printable(place.node)} cannot be asked: {answer.detail}")
    if left:
        raise PodDidNotStart(left)
    return answer.get("ways")


def _ask(api: Api, place: pods.Place, watch: PodWatch, *flags: str) -> tuple[Object | Check, str]:
    """(what the recorder says, or how it failed; what is left over, "" as a rule)."""
    answer: Object | Check
    created = False
    left = ""
    with Signals() as signals:
        try:
            with signals.interruptible():
                pass  # from here on a pod may be created, which must not be cut short
            created = True  # also an attempt without an answer may have made it
            try:
                watch.last = _create(api, place, watch.name, flags)
            except ApiError as error:
                created = not error.has_refused
                raise
            with signals.interruptible():
                watch.wait_ended(_SECONDS)
                path = f"{watch.path}/log"
                answer = _parse(api.text(path, container=pods.CONTAINER, limitBytes=str(_MAX_ANSWER)))
        except Interrupted:
            raise
        except AuditError as error:
            answer = failed(_TITLE, error)
        finally:
            seen = watch.last
            left = watch.remove(_GONE_SECONDS) if created else ""
            watch.last = seen
    return answer, left


def _create(api: Api, place: pods.Place, name: str, flags: Sequence[str]) -> Object:
    """The pod, in its namespace, which is made if it is missing."""
    manifest = pods.unreserved(pods.manifest(name, place, Order([{}], duration=_SECONDS)))
    del manifest["metadata"]["annotations"]
    manifest["metadata"]["labels"] = {**pods.LABELS, "ebpfaudit/doctor": "deep"}
    [container] = manifest["spec"]["containers"]
    container["args"] = ["doctor", "--spool", pods.SPOOL, "--sysfs", pods.HOST_SYS, *flags]
    return recorders.create(api, manifest)


def _parse(text: str) -> Object:
    """Raises PodDidNotStart for what no recorder of ours says."""
    try:
        answer = json.loads(text.strip().splitlines()[-1])
    except (ValueError, IndexError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("doctor") != 1:
        raise PodDidNotStart(
            "what the recorder printed is no answer of its doctor: is the image of this version? See --image"
        )
    return answer


def _checks(answer: Object, place: pods.Place, pod: Object) -> Iterator[Check]:
    yield _image(answer, place, pod)
    if answer.get("root") is not True:
        yield failed("root", "the recorder is not root on the node", kind=NotRoot)
    yield _fine("type information (BTF)", answer.get("btf"), "the kernel has it", NoBtf)
    yield _fine("cgroups", answer.get("cgroup"), "there is a unified hierarchy", NoSuchTarget)
    yield _lockdown(answer.get("lockdown"))
    yield from _probes(answer.get("probes"))
    yield _spool(answer.get("spool_bytes"))
    yield _memory(answer.get("memory_bytes"))


def _image(answer: Object, place: pods.Place, pod: Object) -> Check:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    identity = str(statuses[0].get("imageID") or place.image)
    version = answer.get("recorder")
    if version != __version__:
        remedy = "take the recorder's image of the same version, or the client of that of the image"
        return doubtful("image", f"{identity}: recorder {version}, and this client is {__version__}", remedy)
    kernel = f"Linux {answer.get('kernel')} {answer.get('arch')}"
    return passed("image", f"{identity}: recorder {version}, runs on {kernel}")


def _fine(name: str, fault: object, fine: str, kind: type[AuditError]) -> Check:
    return passed(name, fine) if fault == "" else failed(name, printable(fault), kind=kind)


def _lockdown(mode: object) -> Check:
    if mode == "confidentiality":
        remedy = "start the node with lockdown=integrity or none"
        return failed("lockdown", "confidentiality: no BPF program may read memory", remedy, KernelRefused)
    return passed("lockdown", mode) if mode else skipped("lockdown", "the node does not tell its mode")


def _probes(found: object) -> Iterator[Check]:
    found = found if isinstance(found, dict) else {}
    taken = found.get("taken") if isinstance(found.get("taken"), dict) else {}
    listed = found.get("refused")
    refused = [r for r in listed if isinstance(r, dict)] if isinstance(listed, list) else []
    if not taken:
        reasons = _reasons(refused)
        remedy = "see docs/security.md for what kernels can be recorded on"
        yield failed("probes", f"the kernel refuses them ({reasons})", remedy, KernelRefused)
        return
    for kind, way in taken.items():
        name = f"probe {kind}"
        reasons = _reasons([r for r in refused if r.get("kind", kind) == kind])
        if way == COSTLY:
            remedy = "a kernel that offers a better way makes recording cheaper (docs/architecture.md)"
            yield doubtful(name, f"{way}, which slows all system calls of the node a little ({reasons})", remedy)
        elif way == "none":
            yield doubtful(
                name, f"none: recordings will lack it ({reasons})", "docs/architecture.md says what it needs"
            )
        else:
            yield passed(name, way)


def _reasons(refused: list[Object]) -> str:
    return "; ".join(f"{r.get('way')}: {_first_line(r.get('reason'))}" for r in refused)


def _first_line(reason: object) -> str:
    return (str(reason).splitlines() or [""])[0]


def _spool(size: object) -> Check:
    name = "space for the log"
    if not isinstance(size, int):
        return skipped(name, "the node does not tell")
    remedy = "make room in the kubelet's folder on the node"
    if size < _SPOOL_LEAST:
        return failed(name, f"only {_mib(size)} are free", remedy, CannotWrite)
    if size < SPOOL_BYTES:
        return doubtful(name, f"{_mib(size)} are free, and what waits of a log may take {_mib(SPOOL_BYTES)}", remedy)
    return passed(name, f"{_mib(size)} are free")


def _memory(size: object) -> Check:
    name = "memory"
    if not isinstance(size, int):
        return skipped(name, "the node does not tell")
    if size < _MEMORY_ENOUGH:
        return doubtful(name, f"only {_mib(size)} are left on the node", "the recorder needs 150 MiB while it starts")
    return passed(name, f"{_mib(size)} are left on the node")


def _mib(size: int) -> str:
    return f"{size >> 20:,} MiB"
