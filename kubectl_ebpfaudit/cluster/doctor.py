"""Whether `record` would work: each thing that it needs is looked at, and nothing is created."""

from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_ebpfaudit.carrier import Order
from kubectl_ebpfaudit.cluster import deep, nodes, permissions, recorders
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.checks import FAILED, OK, Check, attempt, doubtful, failed, passed, skipped
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import (
    ApiError,
    Forbidden,
    NoContext,
    NoCredentials,
    NotFound,
    TargetNotRunning,
    Unreachable,
)
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.permissions import Permission

_ENFORCE = "pod-security.kubernetes.io/enforce"
_DRY_RUN = "recorder's pod (dry run)"


@dataclass(frozen=True)
class Request:
    """What is asked for: a pod, a node, or neither. `deep` starts a pod on that node."""

    access: Access
    recorder_namespace: str
    image: str
    pull_policy: str
    namespace: str | None = None
    pod: str = ""
    node: str = ""
    deep: bool = False


def examine(request: Request) -> Iterator[Check]:
    """Looks and tells, one check after the other. Raises Interrupted."""
    try:
        api = connect(request.access)
    except NoContext as error:
        yield failed("kubeconfig", error)
        yield skipped("all else", "needs a kubeconfig")
        return
    where = f"context {api.context}" if api.context else "service account of this pod"
    yield passed("kubeconfig", f"{where}, namespace {request.namespace or api.namespace}")
    reached = _reach(api)
    yield reached
    if reached.status == FAILED:
        yield skipped("all else", "needs the API server")
        return
    yield attempt("user", lambda: _user(api))
    yield from _examine_cluster(api, request)


def _examine_cluster(api: Api, request: Request) -> Iterator[Check]:
    namespace = request.namespace or api.namespace
    found: list[Check] = []

    def note(check: Check) -> Check:
        found.append(check)
        return check

    for permission in (*permissions.in_target(namespace), *permissions.in_recorder(request.recorder_namespace)):
        if str(permission) not in [check.name for check in found]:
            yield note(_permission(api, permission))
    may_create = str(Permission(request.recorder_namespace, "create", "pods"))
    allowed = any(check.name == may_create and check.status == OK for check in found)
    yield note(_namespace(api, request.recorder_namespace))
    pod: Object = {}
    node = request.node
    if request.pod:
        check, pod = _pod(api, namespace, request.pod)
        yield note(check)
        node = str((pod.get("spec") or {}).get("nodeName") or "")
    for check in nodes.one(api, node, pod) if node else () if request.pod else nodes.all_together(api):
        yield note(check)
    place = pods.Place(node, request.recorder_namespace, request.image, request.pull_policy)
    yield note(_dry_run(api, place, allowed))
    if not request.deep:
        return
    if any(check.status == FAILED for check in found):
        yield skipped("on the node", "something that it needs has failed")
        return
    yield from deep.examine(api, place)


def _reach(api: Api) -> Check:
    name = "API server"
    try:
        api.headers()
    except NoCredentials as error:
        return failed("credentials", error)
    try:
        version = api.get("/version").get("gitVersion", "of unknown version")
    except (ApiError, Unreachable) as error:
        return failed(name, error)
    through = f", through the proxy {api.proxy.shown}" if api.proxy else ""
    return passed(name, f"{version} at {api.configuration.host}{through}")


def _user(api: Api) -> Check:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    except (NotFound, Forbidden):  # before Kubernetes 1.28 there is none
        return skipped("user", "the API server does not tell who this is")
    info = (answer.get("status") or {}).get("userInfo") or {}
    groups = ", ".join(map(str, info.get("groups") or []))
    return passed("user", f"{info.get('username', '?')}, groups: {groups}")


def _permission(api: Api, permission: Permission) -> Check:
    name = str(permission)

    def look() -> Check:
        if permission.allowed(api):
            return passed(name, "allowed")
        remedy = f'ask a cluster administrator for the verb "{permission.verb}" on "{permission.resource}" there '
        remedy += "(docs/rbac.yaml has all that record needs)"
        if permission.without:
            return doubtful(name, f"not allowed, so {permission.without}", remedy)
        return failed(name, "not allowed", remedy, Forbidden)

    return attempt(name, look)


def _namespace(api: Api, name: str) -> Check:
    title = f"recorder's namespace {name}"
    return attempt(title, lambda: _look_at_namespace(api, name, title))


def _look_at_namespace(api: Api, name: str, title: str) -> Check:
    label = f"kubectl label namespace {name} {_ENFORCE}=privileged --overwrite"
    try:
        namespace = api.get(f"/api/v1/namespaces/{name}")
    except Forbidden:
        return skipped(title, "this user may not read it; the dry run shows whether it admits the recorder's pod")
    except NotFound:
        if permissions.CREATE_NAMESPACES.allowed(api):
            return passed(title, "is not there; record makes it, with the label that admits privileged pods")
        return _no_namespace(title, name)
    if (namespace.get("status") or {}).get("phase") == "Terminating":
        if permissions.CREATE_NAMESPACES.allowed(api):
            return doubtful(title, "is being deleted", "record waits until it is gone, and makes it anew")
        return _no_namespace(title, name)
    level = ((namespace.get("metadata") or {}).get("labels") or {}).get(_ENFORCE)
    if level == "privileged":
        return passed(title, f"admits privileged pods ({_ENFORCE}={level})")
    if level:
        return failed(title, f"refuses privileged pods ({_ENFORCE}={level})", f"run {label}", Forbidden)
    return doubtful(
        title, f"has no label {_ENFORCE}: the cluster's default holds", f"if that is not privileged, run {label}"
    )


def _no_namespace(title: str, name: str) -> Check:
    remedy = f"ask a cluster administrator for kubectl create namespace {name} with the label {_ENFORCE}=privileged"
    return failed(title, f"there is no namespace {name}, and this user may not create any", remedy, Forbidden)


def _pod(api: Api, namespace: str, name: str) -> tuple[Check, Object]:
    """The check, and the pod if it runs on a node."""
    title = f"pod {namespace}/{name}"
    try:
        pod = api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    except NotFound as error:
        return failed(title, str(error), f"see kubectl get pods -n {namespace}", NotFound), {}
    except (ApiError, Unreachable) as error:
        return failed(title, error), {}
    phase = str((pod.get("status") or {}).get("phase", "Unknown"))
    node = (pod.get("spec") or {}).get("nodeName")
    if phase != "Running" or not node:
        remedy = "wait until it runs" if phase in ("Pending", "Unknown") else "name a pod that runs"
        return failed(title, f"is {phase}", remedy, TargetNotRunning), pod
    return passed(title, f"{phase} on node {node}"), pod


def _dry_run(api: Api, place: pods.Place, allowed: bool) -> Check:
    """Whether Pod Security, quotas and webhooks would let the recorder's pod in: the API server is asked to pretend."""
    if not allowed:
        return skipped(_DRY_RUN, f"needs the verb create on pods in namespace {place.namespace}")
    return attempt(_DRY_RUN, lambda: _pretend(api, place))


def _pretend(api: Api, place: pods.Place) -> Check:
    order = Order([{}], duration=60.0)
    manifest = pods.manifest(pods.new_name(order.recording), place, order)
    try:
        api.create(f"/api/v1/namespaces/{place.namespace}/pods", manifest, dryRun="All")
    except NotFound:
        if not permissions.CREATE_NAMESPACES.allowed(api):
            return _no_namespace(_DRY_RUN, place.namespace)
        return skipped(_DRY_RUN, f"needs the namespace {place.namespace}")
    except Forbidden as error:
        if recorders.BEING_TERMINATED in str(error):
            return skipped(_DRY_RUN, f"namespace {place.namespace} is being deleted")
        raise
    except ApiError as error:
        if error.status == 400 and "dry run" in str(error):  # a webhook that cannot pretend
            return skipped(_DRY_RUN, str(error))
        raise
    return passed(_DRY_RUN, "the API server would admit it")
