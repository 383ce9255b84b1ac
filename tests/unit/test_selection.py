"""What kubectl's users name, as `record` understands it."""

import json

import pytest

from kubectl_ebpfaudit.cluster.selection import MAX_WORDS, Named, Selection, parse
from recorder.log.errors import AuditError
from replay.errors import WrongUsage


def _words(*words: str) -> Selection:
    return parse(words, "team", None, False, None)


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("web-0", "pod/web-0"),
        ("a.b-c.d", "pod/a.b-c.d"),
        ("pod/x", "pod/x"),
        ("po/x", "pod/x"),
        ("pods/x", "pod/x"),
        ("deploy/x", "deployment/x"),
        ("Deployment/x", "deployment/x"),
        ("deployments.apps/x", "deployment/x"),
        ("deployments.v1.apps/x", "deployment/x"),
        ("sts/x", "statefulset/x"),
        ("statefulsets/x", "statefulset/x"),
        ("ds/x", "daemonset/x"),
        ("rs/x", "replicaset/x"),
        ("replicaset.apps/x", "replicaset/x"),
        ("job/x", "job/x"),
        ("jobs.batch/x", "job/x"),
    ],
)
def test_word_names_what_it_names_for_kubectl(word: str, means: str) -> None:
    [named] = _words(word).named
    assert str(named) == means


@pytest.mark.parametrize(
    ("words", "selector", "everywhere", "container", "says"),
    [
        ([], None, False, None, r"^name what to record: POD, deployment/NAME"),
        ([], None, True, None, r"^name what to record, with -l SELECTOR: "),
        (["x"], "a=b", False, None, "-l SELECTOR does not go with x: give one or the other"),
        (["x"], None, True, None, "-A goes with -l SELECTOR only: .* with -n"),
        ([], " ", False, None, "-l needs a selector, such as app=web"),
        (["cronjob/x"], None, False, None, "give job/NAME, or their labels with -l"),
        (["svc/x\x1b"], None, False, None, r"'svc/x\\x1b': .* one of pod, deployment, statefulset, daemonset"),
        (["deploy.batch/x"], None, False, None, "no recording of that kind"),
        (["/x"], None, False, None, "no recording of that kind"),
        (["pod/"], None, False, None, "'' is no name of a pod"),
        ([""], None, False, None, "'' is no name of a pod"),
        (["deploy/a/b"], None, False, None, "'a/b' is no name of a deployment"),
        (["../../secrets"], None, False, None, "no recording of that kind"),
        (["x?watch=1"], None, False, None, "is no name of a pod"),
        (["X"], None, False, None, "'X' is no name of a pod"),
        (["x\n"], None, False, None, r"'x\\n' is no name of a pod"),
        (["a..b"], None, False, None, "is no name of a pod"),
        (["a" * 64 + ".b"], None, False, None, "is no name of a pod"),
        (["x"], None, False, "a/b", "'a/b' is no name of a container"),
        (["x"], None, False, "", "'' is no name of a container"),
        ([f"x{n}" for n in range(MAX_WORDS + 1)], None, False, None, "51 names are too many, 50 go: .* with -l"),
    ],
)
def test_contradiction_or_bad_name_is_wrong_usage_with_a_hint(
    words: list[str], selector: str | None, everywhere: bool, container: str | None, says: str
) -> None:
    with pytest.raises(WrongUsage, match=says) as caught:
        parse(words, "team", selector, everywhere, container)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("namespace", ["", "a/b", "A", "a.b", "x" * 64])
def test_namespace_becomes_a_path_and_is_checked(namespace: str) -> None:
    with pytest.raises(WrongUsage, match="is no name of a namespace"):
        parse(["x"], namespace, None, False, None)


@pytest.mark.parametrize(
    ("selection", "words", "spans"),
    [
        (_words("x"), "pod/x", False),
        (_words("x", "pod/x"), "pod/x", False),
        (_words("x", "y", "z"), "3 pods", True),
        (_words("deploy/web"), "deployment/web", True),
        (_words("deploy/web", "job/j", "x", "y"), "deployment/web and job/j and 2 pods", True),
        (_words("deploy/a", "deploy/b", "sts/c", "x"), "3 workloads and pod/x", True),
        (parse([], "team", "app=web", False, None), "app=web in namespace team", True),
        (parse([], "team", "app=\x1bweb", True, "c"), r"container c of app=\x1bweb in all namespaces", True),
    ],
)
def test_selection_says_itself_in_few_words_and_survives_json(selection: Selection, words: str, spans: bool) -> None:
    assert selection.describe() == words
    assert selection.may_span_nodes is spans
    assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))) == selection


def test_order_is_kept_and_twice_is_once() -> None:
    assert _words("b", "deploy/a", "pod/b").named == (Named("pod", "b"), Named("deployment", "a"))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"namespace": "team", "named": ["../x"], "selector": None, "container": None},
        {"namespace": "team", "named": [], "selector": None, "container": None},
        {"namespace": "team", "named": 5, "selector": None, "container": None},
        {"namespace": ["x"], "named": ["x"], "selector": None, "container": None},
        {"namespace": "a/b\x1b", "named": ["x"], "selector": None, "container": None},
    ],
)
def test_stored_selection_that_somebody_changed_is_refused(value: object) -> None:
    with pytest.raises(AuditError, match="what was to be recorded cannot be read: ") as caught:
        Selection.from_dict(value)
    assert str(caught.value).isprintable()
