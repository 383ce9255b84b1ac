"""What is to be recorded, in the words of kubectl's users: pods, workloads, or a label selector. Asks no cluster."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recorder.log.errors import AuditError
from replay.errors import WrongUsage
from replay.escape import printable

POD = "pod"
MAX_WORDS = 50
"""So many things may be named: each is watched through a connection of its own."""

_KINDS = {
    "pod": ("", ("po", "pods")),
    "deployment": ("apps", ("deploy", "deployments")),
    "statefulset": ("apps", ("sts", "statefulsets")),
    "daemonset": ("apps", ("ds", "daemonsets")),
    "replicaset": ("apps", ("rs", "replicasets")),
    "job": ("batch", ("jobs",)),
}
_WORDS = {word: kind for kind, (_, others) in _KINDS.items() for word in (kind, *others)}

# Names become parts of the API's paths. See k8s.io/apimachinery/pkg/util/validation: DNS-1123 subdomain and label.
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_MAX_NAME = 253


@dataclass(frozen=True)
class Named:
    """One thing with a name. `kind` is kubectl's word for one of it: pod, deployment, job …"""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Selection:
    """Either `named` things or a label `selector`; all in `namespace`, which is "" for a selector in all of them."""

    namespace: str
    named: tuple[Named, ...] = ()
    selector: str | None = None
    container: str | None = None

    @property
    def may_span_nodes(self) -> bool:
        """Whether its containers may be, or come to be, on more than one node."""
        return [thing.kind for thing in self.named] != [POD]

    def describe(self) -> str:
        """A few words for messages, such as deployment/web."""
        words = self._where() if self.selector is not None else self._what()
        return f"container {self.container} of {words}" if self.container else words

    def _where(self) -> str:
        return f"{printable(self.selector)} in {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"

    def _what(self) -> str:
        pods = [thing for thing in self.named if thing.kind == POD]
        others = [str(thing) for thing in self.named if thing.kind != POD]
        if len(others) > 2:
            others = [f"{len(others)} workloads"]
        if pods:
            others.append(str(pods[0]) if len(pods) == 1 else f"{len(pods)} pods")
        return " and ".join(others)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return {
            "namespace": self.namespace,
            "named": [str(thing) for thing in self.named],
            "selector": self.selector,
            "container": self.container,
        }

    @classmethod
    def from_dict(cls, value: Any) -> "Selection":
        """What `to_dict` gave, checked again: others may have changed it since. Raises AuditError."""
        try:
            words = [str(word) for word in value["named"]]
            namespace, selector, container = (value[key] for key in ("namespace", "selector", "container"))
            if not all(isinstance(text, str | None) for text in (namespace, selector, container)):
                raise TypeError("not a text")
            return parse(words, namespace, selector, not namespace, container)
        except (KeyError, TypeError, ValueError, WrongUsage) as error:
            raise AuditError(
                f"what was to be recorded cannot be read: {printable(str(error))}; name it again"
            ) from error


def parse(
    words: Sequence[str], namespace: str, selector: str | None, all_namespaces: bool, container: str | None
) -> Selection:
    """The arguments and options of these names, as kubectl understands them. Raises WrongUsage."""
    if not words and selector is None:
        extra = ", with -l SELECTOR" if all_namespaces else ""
        raise WrongUsage(f"name what to record{extra}: POD, deployment/NAME and the like, or -l SELECTOR")
    if words and selector is not None:
        raise WrongUsage(f"-l SELECTOR does not go with {printable(words[0])}: give one or the other")
    if words and all_namespaces:
        raise WrongUsage("-A goes with -l SELECTOR only: for things with names, name their namespace with -n")
    if selector is not None and not selector.strip():
        raise WrongUsage("-l needs a selector, such as app=web: an empty one would take in every pod")
    if len(words) > MAX_WORDS:
        raise WrongUsage(f"{len(words)} names are too many, {MAX_WORDS} go: choose them by label, with -l")
    if not all_namespaces:
        _check("namespace", namespace, _LABEL)
    if container is not None:
        _check("container", container, _LABEL)
    named = tuple(dict.fromkeys(map(_named, words)))
    return Selection("" if all_namespaces else namespace, named, selector, container)


def _named(word: str) -> Named:
    """The thing that NAME or TYPE/NAME stands for."""
    kind, slash, name = word.partition("/")
    if not slash:
        kind, name = POD, word
    short, _, group = kind.lower().partition(".")
    found = _WORDS.get(short)
    if found is None or group not in ("", "v1", _KINDS[found][0], f"v1.{_KINDS[found][0]}"):
        raise WrongUsage(f"'{printable(word)}': there is no recording of that kind; {_HINTS.get(short, _KNOWN)}")
    _check(found, name, _SUBDOMAIN)
    return Named(found, name)


_KNOWN = f"give a pod's name, or TYPE/NAME with one of {', '.join(_KINDS)}"
_HINTS = dict.fromkeys(
    ("cronjob", "cronjobs", "cj"), "its pods belong to its jobs: give job/NAME, or their labels with -l SELECTOR"
)


def _check(what: str, name: str, form: str) -> None:
    if len(name) > _MAX_NAME or not re.fullmatch(form, name):
        raise WrongUsage(f"'{printable(name)}' is no name of a {what}")
