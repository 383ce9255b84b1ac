"""What `record` asks of the API server, one by one, and whether this user may. docs/rbac.yaml grants it."""

from dataclasses import dataclass

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.objects import Object

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Permission:
    """One verb on one resource. `namespace` is "" for the whole cluster.

    `without` says what does not work without it, where that is not recording as such.
    """

    namespace: str
    verb: str
    resource: str
    group: str = ""
    without: str = ""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        where = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        return f"{self.verb} {name} {where}"

    def allowed(self, api: Api) -> bool:
        """Asks the API server. Raises what Api.create does."""
        resource, _, subresource = self.resource.partition("/")
        attributes = {
            "namespace": self.namespace,
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
        }
        review: Object = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        status = api.create(_REVIEWS, review).get("status") or {}
        return status.get("allowed") is True


def in_target(namespace: str) -> list[Permission]:
    """What is needed where the pods to record are."""
    pods = [Permission(namespace, verb, "pods") for verb in ("get", "list", "watch")]
    workloads = [("apps", kind) for kind in ("deployments", "statefulsets", "daemonsets", "replicasets")]
    return pods + [
        Permission(namespace, "get", kind, group, f"record {kind.removesuffix('s')}/NAME does not work")
        for group, kind in [*workloads, ("batch", "jobs")]
    ]


def in_recorder(namespace: str) -> list[Permission]:
    """What is needed where the recorder's pod runs."""
    pods = [Permission(namespace, verb, "pods") for verb in ("get", "list", "watch", "create", "delete")]
    return [
        *pods,
        Permission(namespace, "create", "pods/exec"),
        Permission(namespace, "get", "pods/exec"),
        Permission(namespace, "get", "pods/log"),
    ]


GET_NODES = Permission("", "get", "nodes", without="a node that cannot be recorded is noticed only by its failure")
LIST_NODES = Permission("", "list", "nodes")
GET_RUNTIME_CLASSES = Permission(
    "", "get", "runtimeclasses", "node.k8s.io", "gVisor and Kata are known by the name of the runtime class only"
)
CREATE_NAMESPACES = Permission("", "create", "namespaces")
