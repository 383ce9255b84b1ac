"""What `doctor` says of nodes: of one of them line by line, of all of them in one."""

from collections.abc import Iterator

from kubectl_ebpfaudit.cluster import suitable
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.checks import Check, attempt, doubtful, failed, passed, skipped
from kubectl_ebpfaudit.cluster.errors import ApiError, Forbidden, NotFound, PodDidNotStart, Unreachable, Unsuitable
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.permissions import GET_NODES, GET_RUNTIME_CLASSES
from recorder.log.errors import KernelRefused
from replay.escape import printable

_RUNTIMES = ("containerd", "cri-o", "docker")
"""Those whose containers have their ID in the name of their cgroup."""

_PAGE = "500"
_MOST_NAMED = 5


def one(api: Api, name: str, pod: Object) -> Iterator[Check]:
    """The node of that name, and the runtime class of `pod`, which may be {}."""
    title = f"node {name}"
    node: Object | None = None
    try:
        node = api.get(f"/api/v1/nodes/{name}")
    except Forbidden:
        yield skipped(title, f'this user may not "get" nodes, so {GET_NODES.without} (docs/rbac.yaml has the role)')
    except NotFound as error:
        yield failed(title, str(error), "see kubectl get nodes", NotFound)
        return
    except (ApiError, Unreachable) as error:
        yield failed(title, error)
        return
    if node:
        yield _ready(title, node)
        info = (node.get("status") or {}).get("nodeInfo") or {}
        system = info.get("osImage") or info.get("operatingSystem") or "unknown"
        yield _judged("operating system", suitable.operating_system(pod, node), system, Unsuitable)
        yield _judged("kind of node", suitable.virtual(node), "a machine with a kubelet", Unsuitable)
        yield _judged("architecture", suitable.architecture(node), info.get("architecture", "unknown"), Unsuitable)
        yield _judged("kernel", suitable.kernel(node), info.get("kernelVersion", "unknown"), KernelRefused)
        yield _runtime(str(info.get("containerRuntimeVersion", "unknown")))
    elif problem := suitable.operating_system(pod, None):
        yield failed("operating system", problem, kind=Unsuitable)
    if pod:
        yield attempt("runtime class", lambda: _runtime_class(api, pod))


def all_together(api: Api) -> Iterator[Check]:
    """One line about all nodes."""
    yield attempt("nodes", lambda: _nodes(api))


def _judged(name: str, problem: str, fine: object, kind: type[Unsuitable] | type[KernelRefused]) -> Check:
    return failed(name, problem, kind=kind) if problem else passed(name, fine)


def _not_ready(node: Object) -> str:
    """Why the kubelet of a node starts no pods now; "" if it does."""
    conditions = (node.get("status") or {}).get("conditions") or []
    ready: Object = next((c for c in conditions if c.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ""
    said = ready.get("message") or ready.get("reason") or "its kubelet has never reported"
    return printable(f"is not ready: {said}")


def _ready(title: str, node: Object) -> Check:
    if problem := _not_ready(node):
        return failed(title, problem, "look at the node and its kubelet", PodDidNotStart)
    cordoned = (node.get("spec") or {}).get("unschedulable")
    return passed(title, "ready; cordoned, which does not keep the recorder away" if cordoned else "ready")


def _runtime(version: str) -> Check:
    if version.startswith(_RUNTIMES):
        return passed("container runtime", version)
    return doubtful("container runtime", version, "not one that this was made for; try it with --deep")


def _runtime_class(api: Api, pod: Object) -> Check:
    title = "runtime class"
    name = str((pod.get("spec") or {}).get("runtimeClassName") or "")
    if not name:
        return passed(title, "none: the node's own runtime")
    found: Object | None = None
    unknown = ""
    try:
        found = api.get(f"/apis/node.k8s.io/v1/runtimeclasses/{name}")
    except NotFound:
        unknown = "is not there any more"
    except Forbidden:
        unknown = f'this user may not "get" it, so {GET_RUNTIME_CLASSES.without}'
    if problem := suitable.sandbox(pod, found):
        return failed(title, problem, kind=Unsuitable)
    if found is None:
        return doubtful(title, f"{name}: {unknown}", "make sure that it shares the node's kernel")
    return passed(title, f"{name}, handler {found.get('handler', '?')}")


def _nodes(api: Api) -> Check:
    found: list[Object] = []
    query = {"limit": _PAGE}
    while True:
        try:
            page = api.get("/api/v1/nodes", **query)
        except Forbidden:
            return skipped("nodes", 'this user may not "list" nodes (docs/rbac.yaml has the role)')
        found += page.get("items") or []
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            break
        query = {"limit": _PAGE, "continue": str(more)}
    problems = [problem for node in found if (problem := _problem(node))]
    total = f"{len(found)} node{'' if len(found) == 1 else 's'}"
    if not problems:
        return passed("nodes", f"{total}, all of which can be recorded on")
    shown = "; ".join(problems[:_MOST_NAMED]) + ("; …" if len(problems) > _MOST_NAMED else "")
    remedy = "kubectl ebpfaudit doctor node/NAME says more"
    return doubtful("nodes", f"{total}, {len(problems)} of which cannot be recorded on: {shown}", remedy)


def _problem(node: Object) -> str:
    """The first thing that keeps a recorder from a node; "" if there is none."""
    ready = _not_ready(node)
    name = printable(str((node.get("metadata") or {}).get("name", "?")))
    return (
        suitable.operating_system({}, node)
        or suitable.virtual(node)
        or suitable.architecture(node)
        or suitable.kernel(node)
        or (f"node {name} {ready}" if ready else "")
    )
