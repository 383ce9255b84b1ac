"""What can go wrong with a cluster, and how the API server's own words become one line of ours."""

import json
import re
from typing import Any

from recorder.log.errors import AuditError
from replay.escape import printable

DOCS = "docs/rbac.yaml"

# What the authorizers of Kubernetes write, see pkg responsewriters.Forbidden in k8s.io/apiserver.
_DENIED = re.compile(
    r'User "(?P<user>.*?)" cannot (?P<verb>\S+) resource "(?P<resource>\S+)" in API group "(?P<group>\S*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)

_ADMISSION = re.compile(r"admission webhook|failed calling webhook|AdmissionPolicy '")
"""Who else may refuse a pod: webhooks and policies of the cluster's own."""


class ApiError(AuditError):
    """The API server said no. `status` is the HTTP status, `kind` the resource that it is about."""

    def __init__(self, message: str, status: int = 0, kind: str = "", name: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.name = status, kind, name

    @property
    def has_refused(self) -> bool:
        """Whether nothing was done. An answer of 5xx may come from who stands before a server that has done it."""
        return 400 <= self.status <= 499


class NotFound(ApiError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"


class NothingSelected(NotFound):
    """No pod has the labels, or none of them the container."""


class Forbidden(ApiError):
    exit_code = 5
    meaning = "the API server does not let this user do that"


class Unreachable(AuditError):
    exit_code = 6
    meaning = "the API server cannot be reached"


class PodDidNotStart(AuditError):
    exit_code = 7
    meaning = "the recorder's pod did not start, or went away"


class NoRoom(PodDidNotStart):
    """The node has promised all its CPU or memory to others, and refuses a pod that asks for some."""


class NoImage(AuditError):
    exit_code = 14
    meaning = "the recorder's image cannot be pulled"


class TargetNotRunning(AuditError):
    exit_code = 15
    meaning = "the pod or container to record is not running"


class TargetFinished(TargetNotRunning):
    """Nor will it ever run again: waiting is in vain."""


class NoContext(AuditError):
    exit_code = 17
    meaning = "there is no such context, no kubeconfig that can be read, or its credential plugin fails"


class NoCredentials(Unreachable):
    """The same, while there is a connection: the plugin may work again in a moment, as the network may."""

    exit_code = NoContext.exit_code
    meaning = NoContext.meaning


class Unsuitable(AuditError):
    exit_code = 25
    meaning = "the pod or its node is of a kind that cannot be recorded (Windows, gVisor, Kata, virtual node)"


def of_response(status: int, body: bytes) -> ApiError:
    """The error that a response other than 2xx stands for; `body` is a v1.Status, if all is well."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    details = answer.get("details") if isinstance(answer.get("details"), dict) else {}
    message = str(answer.get("message") or body[:300].decode(errors="replace") or f"HTTP status {status}")
    kind, name = str(details.get("kind", "")), str(details.get("name", ""))
    if status == 401:
        return Forbidden("the API server does not accept the credentials of this context: log in again", 401)
    if status == 403:
        return Forbidden(_denied(message), status, kind, name)
    if status == 404 and "message" in answer:  # else it is a page of some proxy's, which knows nothing of the object
        return NotFound(printable(message), status, kind, name)
    return ApiError(f"the API server answered: {printable(message)}{_remedy(message)}", status, kind, name)


def _denied(message: str) -> str:
    """What is missing, and what to do, from the message of a 403."""
    if denied := _DENIED.search(message):
        where = f'in namespace "{denied["namespace"]}"' if denied["namespace"] else "in the whole cluster"
        return printable(
            f'forbidden: user "{denied["user"]}" may not {denied["verb"]} {denied["resource"]} {where}: '
            f'ask a cluster administrator for the verb "{denied["verb"]}" on "{denied["resource"]}" there '
            f"({DOCS} has all that record needs)"
        )
    if "violates PodSecurity" in message:
        return printable(
            f"forbidden: {message}: label the namespace with pod-security.kubernetes.io/enforce=privileged, "
            "or choose another one with --recorder-namespace"
        )
    return printable(f"forbidden: {message}{_remedy(message)}")


def _remedy(message: str) -> str:
    """What to do about a refusal that is no matter of permissions, "" if that is not known."""
    if "exceeded quota" in message or "LimitRange" in message:
        return ": have that raised, or choose another namespace with --recorder-namespace"
    if _ADMISSION.search(message):
        return ": ask who looks after it to let the recorder's pod in (docs/security.md says what that needs)"
    return ""
