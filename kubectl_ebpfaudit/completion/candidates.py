"""What a word may be. The answer has the form of cobra's completions, which kubectl understands.

A candidate a line, what it is after a tab; the last line is a number, the sum of what the shell is to do:
https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
"""

from collections.abc import Mapping

from kubectl_ebpfaudit.completion.cluster import Cluster
from kubectl_ebpfaudit.completion.commands import Option, Verb
from kubectl_ebpfaudit.completion.words import Wanted

FILES, NO_SPACE, NO_FILES = 0, 2, 4
_MAX = 2000
_OF_CLUSTER = {
    "--namespace": "namespaces", "--recorder-namespace": "namespaces", "--context": "contexts",
    "--cluster": "clusters", "--user": "users",
}  # fmt: skip
_PATHS = (
    "--kubeconfig", "--write", "--audit-log", "--cgroup", "--client-certificate", "--client-key",
    "--certificate-authority",
)  # fmt: skip
_COMMON = {"-v": "Say more about an error.", "--verbose": "Say more about an error.", "--help": "Show the help."}

Answer = tuple[list[str], int]
"""Candidates, each with what it is after a tab, and what the shell is to do."""


def answer(of: Wanted, verbs: Mapping[str, Verb]) -> Answer:
    """What may stand there."""
    if of.verb is None:
        known = _COMMON if of.is_option else {name: verb.help for name, verb in verbs.items()}
        return [_line(name, text) for name, text in known.items() if name.startswith(of.word)], NO_FILES
    if of.option:
        return _values(of, of.option)
    if of.is_option:
        return [_line(one.name, one.help) for one in of.verb.options if _offers(one, of)], NO_FILES
    if of.argument is None:
        return [], NO_FILES
    if of.argument.choices:
        return [choice for choice in of.argument.choices if choice.startswith(of.word)], NO_FILES
    return _argument(of, of.argument.metavar)


def _offers(option: Option, of: Wanted) -> bool:
    """Whether an option may be meant. One that was given already is not offered again, but for those that may be."""
    names = [name for name in option.names if name.startswith(of.word)]
    return bool(names) and (option.name not in of.given or option.name in ("--audit-log", "--as-group"))


def _values(of: Wanted, option: Option) -> Answer:
    if option.choices:
        return [choice for choice in option.choices if choice.startswith(of.word)], NO_FILES
    if option.name in _PATHS:
        return [], FILES
    cluster = Cluster(of.given)
    if kind := _OF_CLUSTER.get(option.name):
        return _plain(getattr(cluster, kind)(of.word)), NO_FILES
    if option.name == "--container" and of.arguments:
        return _plain(cluster.containers(of.arguments[0], of.word)), NO_FILES
    return [], NO_FILES


def _argument(of: Wanted, metavar: str) -> Answer:
    cluster = Cluster(of.given)
    if "RECORDING" in metavar:
        from kubectl_ebpfaudit.completion.recordings import recordings

        found = _plain(recordings(of.word, sessions="SESSION" in metavar))
        return found, NO_FILES if found else FILES
    if "POD" in metavar and "--local" in of.given:
        return [], NO_FILES
    if "POD" in metavar:
        return _things(cluster, of.word, metavar)
    if metavar == "[NAME]":
        return _plain(cluster.recorders(of.word)), NO_FILES
    return [], FILES if "FILE" in metavar else NO_FILES


def _things(cluster: Cluster, word: str, metavar: str) -> Answer:
    """Pods, and with a slash what else the verb takes."""
    if "/" in word:
        kind, _, name = word.partition("/")
        if kind == "node":
            return _plain([f"node/{one}" for one in cluster.nodes(name)]), NO_FILES
        return _plain(cluster.workloads(word)) if "TYPE" in metavar else [], NO_FILES
    if pods := _plain(cluster.pods(word)):
        return pods, NO_FILES
    kinds = cluster.workloads(word) if "TYPE" in metavar else ["node/"] * "node/".startswith(word)
    return kinds, NO_FILES | NO_SPACE


def _plain(names: list[str]) -> list[str]:
    """Those that a shell can take as they are, and a terminal can show: whoever made them may be an attacker."""
    return [name for name in names if name.isprintable() and not set(name) & set(" \t\"'`$\\;&|<>(){}*?!#~")][:_MAX]


def _line(name: str, text: str) -> str:
    return f"{name}\t{text}" if text else name
