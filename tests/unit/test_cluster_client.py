"""The client's side of the Kubernetes API, against a small server that says what a real one would."""

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_ebpfaudit.carrier import Order, config_of
from kubectl_ebpfaudit.cluster import deep, recorders, retry
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.carrier import PodCarrier
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import (
    ApiError,
    Forbidden,
    NoContext,
    NoCredentials,
    NoImage,
    NotFound,
    PodDidNotStart,
    Unreachable,
    of_response,
)
from kubectl_ebpfaudit.cluster.exec import ExecStream
from kubectl_ebpfaudit.cluster.overrides import Overrides
from kubectl_ebpfaudit.cluster.state import PodWatch
from kubectl_ebpfaudit.interrupt import Signals
from recorder.log.errors import AuditError, NoBtf
from replay.errors import WrongUsage
from tests.support.cli import ROOT, Cli

Object = dict[str, Any]
PODS = "/api/v1/namespaces/ebpfaudit/pods"


class Server(ThreadingHTTPServer):
    """Answers each request with what `answers` has for "METHOD /path", else 404; keeps the requests.

    `refusals` are (status, headers) for the next requests of that kind.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any] | Callable[[Object], tuple[int, Any]]] = {}
        self.requests: list[tuple[str, Object, dict[str, str]]] = []
        self.refusals: dict[str, list[tuple[int, dict[str, str]]]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        path, _, query = self.path.partition("?")
        key = f"{self.command} {path}" + ("?watch" if "watch=true" in query else "")
        self.server.requests.append((key, body, dict(self.headers)))
        answer = self.server.answers.get(key, (404, {"message": "not found", "details": {}}))
        refusals, headers = self.server.refusals.get(key), {}
        if refusals:
            answer, headers = (refusals[0][0], {"message": "too busy"}), refusals.pop(0)[1]
        status, value = answer(body) if callable(answer) else answer
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _kubeconfig(folder: Path, host: str, **changes: Any) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": host}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "two", "context": {"cluster": "c", "user": "u"}},
        ],
        "current-context": "one",
        **changes,
    }
    path = folder / "config"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def api(server: Server, tmp_path: Path) -> Api:
    path = _kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")
    return connect(Access(str(path), as_user="ann", as_groups=["dev", "ops"], timeout=5))


# kubeconfig


def test_context_gives_server_namespace_and_as_whom(api: Api, server: Server) -> None:
    server.answers["GET /x"] = (200, {"a": 1})
    assert api.namespace == "team"
    assert api.get("/x") == {"a": 1}
    [(_, _, headers)] = server.requests
    assert "authorization" not in headers  # it is no TLS
    assert headers["Impersonate-User"] == "ann"
    assert ("Impersonate-Group", "dev") in api.headers()
    assert ("Impersonate-Group", "ops") in api.headers()


def test_context_may_be_chosen_and_has_a_default_namespace(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert connect(Access(str(path), "two")).namespace == "default"


def test_kubeconfig_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _kubeconfig(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/nowhere:{path}")
    assert connect(Access()).namespace == "team"


def test_unknown_context_names_those_there_are(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(NoContext, match=r"there is no context three\\n in .*; there is: one, two$"):
        connect(Access(str(path), "three\n"))


def test_context_of_an_unknown_cluster_is_no_context(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "http://127.0.0.1:1", clusters=[{"name": "other", "cluster": {}}])
    with pytest.raises(NoContext, match="cannot be used"):
        connect(Access(str(path)))


def _with_token(folder: Path, token: str) -> Api:
    user = [{"name": "u", "user": {"token": token}}]
    return connect(Access(str(_kubeconfig(folder, "https://127.0.0.1:1", users=user))))


@pytest.mark.parametrize("token", ["secret\n", "secret\r", "secret \r\n"])
def test_white_space_after_a_token_is_none_of_it(tmp_path: Path, token: str) -> None:
    given = connect(Access(str(_kubeconfig(tmp_path, "https://127.0.0.1:1")), overrides=Overrides(token=token)))
    for api in (given, _with_token(tmp_path, token)):
        assert ("authorization", "Bearer secret") in api.headers()


@pytest.mark.parametrize("token", ["sec\nret", "sec\x7fret", "secr\u00e9t"])
def test_token_that_is_none_is_told_and_never_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(NoCredentials, match=r"the token holds what no token may") as caught:
        _with_token(tmp_path, token).get("/x")
    assert "sec" not in str(caught.value)
    with pytest.raises(NoCredentials):
        ExecStream(_with_token(tmp_path, token), "ebpfaudit", "p", "recorder", ["x"])


@pytest.mark.parametrize("name", ["Zo\u00eb", "\u674e\u96f7"])
def test_names_to_act_as_go_out_as_utf_8(server: Server, tmp_path: Path, name: str) -> None:
    server.answers["GET /x"] = (200, {})
    path = _kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")
    api = connect(Access(str(path), as_user=name, as_groups=[name], timeout=5))
    api.get("/x")
    with pytest.raises(NotFound):
        ExecStream(api, "ebpfaudit", "p", "recorder", ["x"])
    for _, _, headers in server.requests:
        assert headers["Impersonate-User"].encode("latin-1").decode() == name
        assert headers["Impersonate-Group"].encode("latin-1").decode() == name
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", ["a\r\nImpersonate-Group: system:masters", "a\0", "a\udcff"])
@pytest.mark.parametrize("option", ["as_user", "as_groups", "as_uid"])
def test_control_characters_in_whom_to_act_as_are_wrong_usage(tmp_path: Path, option: str, name: str) -> None:
    path = _kubeconfig(tmp_path, "http://127.0.0.1:1")
    given: dict[str, Any] = {"as_user": "ann", option: [name] if option == "as_groups" else name}
    with pytest.raises(WrongUsage, match="control characters"):
        connect(Access(str(path), **given))


# errors


def test_unreachable_server_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 cannot be reached: Connection refused; check"):
        connect(Access(str(_kubeconfig(tmp_path, "http://127.0.0.1:1")))).get("/x")


def test_name_that_is_in_no_dns_is_unreachable(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "https://nowhere.invalid")
    with pytest.raises(Unreachable, match=r"https://nowhere\.invalid cannot be reached: "):
        connect(Access(str(path), timeout=5)).get("/x")


def test_server_that_speaks_no_json_is_no_kubernetes(api: Api, server: Server) -> None:
    server.answers["GET /x"] = (200, b"<html>")
    with pytest.raises(Unreachable, match="no Kubernetes API server"):
        api.get("/x")


def test_tls_to_a_plain_server_is_unreachable(server: Server, tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, f"https://127.0.0.1:{server.server_port}")
    with pytest.raises(Unreachable, match="cannot be reached: TLS: "):
        connect(Access(str(path), timeout=5)).get("/x")


def _status(code: int, message: str, **details: str) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "message": message, "details": details}).encode()


def test_refusal_names_user_verb_resource_namespace_and_what_to_do() -> None:
    what = 'create resource "pods/exec" in API group "" in the namespace "x"'
    message = f'pods is forbidden: User "al\u202eice" cannot {what}'
    error = of_response(403, _status(403, message))
    assert isinstance(error, Forbidden)
    assert str(error).startswith(
        r'forbidden: user "al\u202eice" may not create pods/exec in namespace "x": ask a cluster administrator '
        'for the verb "create" on "pods/exec"'
    )


def test_refusal_for_the_whole_cluster_says_so() -> None:
    what = 'create resource "namespaces" in API group "" at the cluster scope'
    message = f'namespaces is forbidden: User "a" cannot {what}'
    assert "may not create namespaces in the whole cluster" in str(of_response(403, _status(403, message)))


def test_pod_security_refusal_names_the_label() -> None:
    error = of_response(403, _status(403, 'pods "x" is forbidden: violates PodSecurity "baseline:latest": privileged'))
    assert "pod-security.kubernetes.io/enforce=privileged" in str(error)


@pytest.mark.parametrize("body", [b"", b"\xff\x1b[31m", b"[1]", b'{"details": 5}', b'{"message": null}'])
@pytest.mark.parametrize("status", [401, 403, 404, 409, 500, 503])
def test_answer_of_any_kind_becomes_one_printable_line(status: int, body: bytes) -> None:
    error = of_response(status, body)
    assert error.status == status
    assert str(error).isprintable()


# a server that is too busy


def test_request_that_a_busy_server_asks_for_again_is_sent_again(api: Api, server: Server) -> None:
    again = {"Retry-After": "0"}
    server.answers["GET /x"] = server.answers["DELETE /x"] = server.answers["POST /x"] = (200, {"a": 1})
    server.refusals = {"GET /x": [(429, again), (503, again)], "DELETE /x": [(504, again)], "POST /x": [(429, again)]}
    assert api.get("/x") == api.delete("/x", {}) == api.create("/x", {}) == {"a": 1}
    assert [key for key, _, _ in server.requests] == [*["GET /x"] * 3, *["DELETE /x"] * 2, *["POST /x"] * 2]


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("GET", 429, {}),
        ("GET", 503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        ("GET", 429, {"Retry-After": "60"}),  # longer than a request may take
        ("GET", 429, {"Retry-After": "9" * 5000}),
        ("GET", 404, {"Retry-After": "0"}),
        ("POST", 504, {"Retry-After": "0"}),  # what was to be made may be there
    ],
)
def test_request_that_is_in_vain_or_may_have_been_done_is_sent_once(
    api: Api, server: Server, method: str, status: int, headers: dict[str, str]
) -> None:
    server.refusals = {f"{method} /x": [(status, headers)]}
    with pytest.raises(ApiError) as caught:
        api.get("/x") if method == "GET" else api.create("/x", {})
    assert caught.value.status == status
    assert len(server.requests) == 1


def test_server_that_is_always_too_busy_is_asked_as_often_as_by_kubectl(api: Api, server: Server) -> None:
    server.refusals = {"GET /x": [(429, {"Retry-After": "0"})] * 100}
    with pytest.raises(ApiError, match="too busy"):
        api.get("/x")
    assert len(server.requests) == 11


# the container to record


def _pod(**changes: Any) -> Object:
    return {
        "metadata": {"uid": "u1", "labels": {"app": "x"}, "annotations": {}},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "app", "image": "i:1"}, {"name": "side", "image": "i:2"}],
            "initContainers": [{"name": "setup"}],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": n, "containerID": f"containerd://{n}id", "imageID": "sha", "state": {"running": {}}}
                for n in ("side", "app")
            ],
            "initContainerStatuses": [
                {
                    "name": "setup",
                    "containerID": "containerd://s",
                    "state": {"terminated": {"reason": "Completed"}},
                }
            ],
        },
        **changes,
    }


def _serve_pod(server: Server, pod: Object) -> None:
    server.answers["GET /api/v1/namespaces/team/pods/victim"] = (200, pod)


# the recorder's pod


ORDER = Order([{"namespace": "team", "pod": "victim", "container": "$(HOME)"}], duration=60)


def test_manifest_survives_what_kubernetes_expands() -> None:
    [container] = pods.manifest("p", pods.Place("n1"), ORDER)["spec"]["containers"]
    config = container["args"][-1]
    assert "$" not in config
    assert json.loads(config)["targets"][0]["container"] == "$(HOME)"
    assert json.loads(config)["sysfs"] == "/host/sys"


def _crowd(count: int) -> Order:
    """So many containers on one node, each with labels and the commands of probes."""
    about = {"namespace": "team", "labels": {"app": "$(HOME)"}, "probes": [{"kind": "hook", "argv": ["x" * 1000]}]}
    return Order([{**about, "container_id": f"{number:064x}"} for number in range(count)], duration=60)


@pytest.mark.parametrize("count", [1, 80, 700])
def test_any_number_of_containers_comes_through_the_arguments_of_a_program(count: int) -> None:
    [container] = pods.manifest("p", pods.Place("n1"), _crowd(count))["spec"]["containers"]
    program = "import sys; print(max(map(len, sys.argv)))"
    ran = subprocess.run([sys.executable, "-c", program, *container["args"]], capture_output=True, check=True)
    assert int(ran.stdout) < 1 << 17
    assert json.loads(config_of(container["args"]))["targets"] == _crowd(count).targets


def test_few_containers_are_one_argument_as_recorders_of_before_take_it() -> None:
    [container] = pods.manifest("p", pods.Place("n1"), _crowd(50))["spec"]["containers"]
    assert container["args"][-2] == "--config"
    assert len(json.loads(container["args"][-1])["targets"]) == 50


def test_more_containers_than_a_pod_can_be_told_of_are_told_in_a_line() -> None:
    with pytest.raises(AuditError, match=r"takes 3\.\d MB to say, .* record fewer containers at once"):
        pods.manifest("p", pods.Place("n1"), _crowd(2800))


def test_pod_ends_by_itself_some_time_after_the_recording() -> None:
    spec = pods.manifest("p", pods.Place("n1"), ORDER)["spec"]
    assert 60 < spec["activeDeadlineSeconds"] < 1000


def test_recorders_of_a_big_run_have_names_of_their_own_that_a_pod_may_have() -> None:
    names = {pods.new_name("12345678-9abc") for _ in range(100)}
    assert len(names) == 100
    for name in names:
        assert re.fullmatch(r"ebpfaudit-12345678-[0-9a-f]{8}", name)
        assert name.rpartition("-")[0] == pods.run_name("12345678-9abc")


def _recorder(state: Object, **status: Any) -> Object:
    return {
        "metadata": {"resourceVersion": "1"},
        "spec": {"nodeName": "n1", "containers": [{"image": "rec:1"}]},
        "status": {**status, "containerStatuses": [{"name": "recorder", "state": state}]},
    }


def _watch(*states: Object) -> tuple[int, bytes]:
    events = ({"type": "MODIFIED", "object": state} for state in states)
    return 200, b"".join(json.dumps(event).encode() + b"\n" for event in events)


WAITING = _recorder({"waiting": {"reason": "ContainerCreating"}})


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        (
            _recorder({"waiting": {"reason": "ErrImagePull", "message": "x\ny"}}),
            NoImage,
            r"ErrImagePull: x\\ny",
        ),
        (
            _recorder({"waiting": {"reason": "InvalidImageName"}}),
            NoImage,
            "image rec:1 cannot be pulled on node n1",
        ),
        (_recorder({"waiting": {"reason": "CreateContainerError"}}), PodDidNotStart, "cannot start on n1"),
        (
            _recorder({}, phase="Failed", reason="OutOfmemory", message="no"),
            PodDidNotStart,
            "OutOfmemory: no",
        ),
        (
            _recorder({}, phase="Failed", reason="NodeAffinity", message="no"),
            PodDidNotStart,
            "NodeAffinity: no; .* annotate the namespace with openshift.io/node-selector=",
        ),
        (
            _recorder({"terminated": {"reason": "StartError", "exitCode": 128, "message": "no such file"}}),
            PodDidNotStart,
            "the image rec:1 is no recorder: no such file",
        ),
        (
            _recorder({"terminated": {"reason": "StartError", "message": "runc: unable to apply caps: not permitted"}}),
            PodDidNotStart,
            "node n1 does not give .* record without --least-privilege",
        ),
        (
            _recorder({"terminated": {"exitCode": 12, "message": "error: no BTF here\n"}}),
            NoBtf,
            "^no BTF here$",
        ),
    ],
)
def test_pod_that_does_not_start_says_why(
    api: Api, server: Server, state: Object, kind: type[Exception], says: str
) -> None:
    server.answers[f"GET {PODS}?watch"] = _watch(WAITING, state)
    with pytest.raises(kind, match=says):
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(60)


def test_recorder_without_a_message_is_asked_for_its_log(api: Api, server: Server) -> None:
    server.answers[f"GET {PODS}?watch"] = _watch(_recorder({"terminated": {"exitCode": 12, "message": "cut"}}))
    server.answers[f"GET {PODS}/p/log"] = (200, b"error: no BTF\nmore\n")
    with pytest.raises(NoBtf, match="no BTF") as caught:
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(60)
    assert caught.value.details == "more"


def test_pod_that_never_runs_is_given_up(api: Api, server: Server) -> None:
    server.answers[f"GET {PODS}?watch"] = _watch()
    server.answers[f"GET {PODS}/p"] = (200, WAITING)
    with pytest.raises(PodDidNotStart, match=r"did not run within 0 s \(ContainerCreating\)"):
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(0.05)


def test_pod_that_is_deleted_while_it_starts_is_told(api: Api, server: Server) -> None:
    event = json.dumps({"type": "DELETED", "object": {}}).encode() + b"\n"
    server.answers[f"GET {PODS}?watch"] = (200, event)
    with pytest.raises(PodDidNotStart, match="was deleted"):
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(60)


def test_watch_that_is_too_old_begins_again(api: Api, server: Server) -> None:
    event = json.dumps({"type": "ERROR", "object": {"code": 410}}).encode() + b"\n"
    server.answers[f"GET {PODS}?watch"] = (200, event)
    server.answers[f"GET {PODS}/p"] = (200, _recorder({"running": {}}))
    PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(60)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are short."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(retry, "LAST_PAUSE", 0.001)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_server_that_is_too_busy_while_the_pod_starts_is_waited_for(api: Api, server: Server, status: int) -> None:
    server.refusals = {f"GET {PODS}?watch": [(status, {})] * 3, f"GET {PODS}/p": [(status, {})] * 2}
    server.answers[f"GET {PODS}/p"] = (200, WAITING)
    server.answers[f"GET {PODS}?watch"] = _watch(_recorder({"running": {}}))
    PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(30)
    assert not any(server.refusals.values())


@pytest.mark.usefixtures("impatient")
def test_server_that_stays_away_while_the_pod_starts_is_the_reason(tmp_path: Path) -> None:
    api = connect(Access(str(_kubeconfig(tmp_path, "http://127.0.0.1:1"))))
    with pytest.raises(Unreachable, match="Connection refused"):
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(0.05)


def test_pod_that_may_not_be_watched_is_not_waited_for(api: Api, server: Server) -> None:
    server.answers[f"GET {PODS}?watch"] = (403, {"message": "no"})
    with pytest.raises(Forbidden):
        PodWatch(api, "ebpfaudit", "p", WAITING).wait_running(30)


@pytest.mark.usefixtures("impatient")
def test_deletion_is_asked_for_until_the_server_takes_it_and_seen_over_broken_watches(api: Api, server: Server) -> None:
    path = f"{PODS}/p"
    server.refusals = {f"DELETE {path}": [(503, {}), (429, {})], f"GET {PODS}?watch": [(503, {})]}
    server.answers[f"DELETE {path}"] = server.answers[f"GET {path}"] = (200, WAITING)
    server.answers[f"GET {PODS}?watch"] = (200, json.dumps({"type": "DELETED", "object": {}}).encode() + b"\n")
    assert PodWatch(api, "ebpfaudit", "p", WAITING).remove(30) == ""
    assert _deletions(server) == [f"DELETE {path}"] * 3


@pytest.mark.usefixtures("impatient")
def test_pod_that_was_deleted_and_is_out_of_sight_is_told_as_that(api: Api, server: Server) -> None:
    path = f"{PODS}/p"
    server.answers[f"DELETE {path}"] = (200, WAITING)
    server.answers[f"GET {path}"] = (503, {"message": "etcd is away"})
    assert PodWatch(api, "ebpfaudit", "p", WAITING).remove(0.05) == (
        "pod ebpfaudit/p was deleted, and whether it is gone cannot be seen: the API server answered: etcd is away; "
        "run kubectl -n ebpfaudit delete pod p"
    )


# the carrier, up to the exec session


def _start(api: Api) -> tuple[PodCarrier, AuditError]:
    carrier = PodCarrier(api, pods.manifest(pods.new_name(ORDER.recording), pods.Place("n1"), ORDER))
    with Signals() as signals, pytest.raises((ApiError, PodDidNotStart, NoImage, Unreachable)) as caught:
        carrier.start(signals.interruptible)
    return carrier, caught.value


def _deletions(server: Server) -> list[str]:
    return [key for key, _, _ in server.requests if key.startswith("DELETE")]


def test_missing_namespace_is_made_and_admits_privileged_pods(api: Api, server: Server) -> None:
    made: list[Object] = []

    def create_pod(body: Object) -> tuple[int, Any]:
        if not made:
            return 404, json.loads(_status(404, 'namespaces "ebpfaudit" not found', kind="namespaces"))
        return 201, {**body, "status": {"phase": "Failed", "reason": "Stop"}}

    def create_namespace(body: Object) -> tuple[int, Any]:
        made.append(body)
        return 409, {"message": "already exists"}

    server.answers[f"POST {PODS}"] = create_pod
    server.answers["POST /api/v1/namespaces"] = create_namespace
    carrier, error = _start(api)
    assert "Stop" in str(error)
    assert made[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert carrier.close(whole=False) == ""
    assert len(_deletions(server)) == 1


@pytest.mark.usefixtures("impatient")
def test_namespace_that_is_being_removed_is_waited_for_and_made_anew_by_who_may_only_make_it(
    api: Api, server: Server
) -> None:
    terminating = _status(403, 'pods "p" is forbidden: ... because namespace ebpfaudit is being terminated')
    missing = _status(404, 'namespaces "ebpfaudit" not found', kind="namespaces")
    said = [(403, terminating), (403, terminating), (404, missing)]
    server.answers[f"POST {PODS}"] = lambda body: said.pop(0) if said else (201, body)
    server.answers["POST /api/v1/namespaces"] = lambda body: (201, body)
    manifest = pods.manifest("p", pods.Place("n1"), ORDER)
    assert recorders.create(api, manifest)["metadata"]["name"] == "p"
    asked = [key for key, _, _ in server.requests]
    assert asked == [*[f"POST {PODS}"] * 3, "POST /api/v1/namespaces", f"POST {PODS}"]


def test_namespace_admits_privileged_pods_on_any_node() -> None:
    made = pods.namespace("audit")["metadata"]
    written = next(yaml.safe_load_all((ROOT / "docs/rbac.yaml").read_text()))["metadata"]
    assert made["annotations"] == written["annotations"] == {"openshift.io/node-selector": ""}


def test_cleanup_by_who_may_see_no_namespaces_has_removed_all_it_may(server: Server, tmp_path: Path, cli: Cli) -> None:
    ended = {**_recorder({}, phase="Failed"), "metadata": {"namespace": "ebpfaudit", "name": "p"}}
    server.answers[f"GET {PODS}"], server.answers[f"DELETE {PODS}/p"] = (200, {"items": [ended]}), (200, {})
    what = 'User "ann" cannot get resource "namespaces" in API group "" in the namespace "ebpfaudit"'
    server.answers["GET /api/v1/namespaces/ebpfaudit"] = (403, _status(403, f"forbidden: {what}"))
    ran = cli("cleanup", "--all", "--kubeconfig", _kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}"))
    assert (ran.code, ran.text) == (0, "pod ebpfaudit/p removed (finished)\n")
    assert 'namespace ebpfaudit is left alone: forbidden: user "ann" may not get namespaces' in ran.err


def _full_node(server: Server, refuses: Callable[[Object], bool]) -> list[Object]:
    """What is asked for of a node that `refuses` some of it, as it comes."""
    asked: list[Object] = []

    def create_pod(body: Object) -> tuple[int, Any]:
        asked.append(body["spec"]["containers"][0]["resources"]["requests"])
        refused = _recorder({}, phase="Failed", reason="OutOfcpu", message="no cpu")
        state = refused if refuses(asked[-1]) else _recorder({"running": {}})
        return 201, {**body, "status": state["status"]}

    server.answers[f"POST {PODS}"] = create_pod
    return asked


def test_node_that_has_promised_all_its_cpu_gets_a_recorder_that_reserves_nothing(api: Api, server: Server) -> None:
    asked = _full_node(server, lambda requests: requests["cpu"] != "0")
    told: list[str] = []
    carrier = PodCarrier(api, pods.manifest(pods.new_name(ORDER.recording), pods.Place("n1"), ORDER))
    with Signals() as signals:
        carrier.start(signals.interruptible, told.append)
    assert [requests["cpu"] for requests in asked] == ["100m", "0"]
    assert asked[1]["memory"] == "0"  # what is not said would be the limit
    assert [key.partition(" ")[0] for key, _, _ in server.requests[:4]] == ["POST", "DELETE", "GET", "POST"]
    assert told == ["Node n1 has no CPU or memory left to reserve: the recorder starts without …"]
    assert carrier.close(whole=False) == ""
    assert len(_deletions(server)) == 2


def test_node_that_refuses_what_reserves_nothing_as_well_is_told(api: Api, server: Server) -> None:
    asked = _full_node(server, lambda requests: True)
    carrier, error = _start(api)
    assert "node n1 refused the recorder's pod: OutOfcpu: no cpu" in str(error)
    assert len(asked) == 2
    assert carrier.close(whole=False) == ""


def test_pod_that_was_refused_is_not_deleted(api: Api, server: Server) -> None:
    server.answers[f"POST {PODS}"] = (403, {"message": "no"})
    carrier, error = _start(api)
    assert isinstance(error, Forbidden)
    assert carrier.close(whole=False) == ""
    assert not _deletions(server)


def test_pod_that_fails_to_start_is_deleted_and_waited_for(api: Api, server: Server) -> None:
    server.answers[f"POST {PODS}"] = lambda body: (
        201,
        {**body, **_recorder({"waiting": {"reason": "ErrImagePull"}})},
    )
    carrier, error = _start(api)
    assert isinstance(error, NoImage)
    assert carrier.close(whole=False) == ""
    assert carrier.close(whole=False) == ""
    [deletion] = _deletions(server)
    [body] = [body for key, body, _ in server.requests if key == deletion]
    assert body == {"gracePeriodSeconds": 0}


def test_start_that_is_given_up_deletes_the_pod_and_ends(api: Api, server: Server) -> None:
    carrier = PodCarrier(api, pods.manifest("p", pods.Place("n1"), ORDER))

    def watched(_: Object) -> tuple[int, Any]:
        assert carrier.cancel()
        return 200, json.dumps({"type": "DELETED", "object": {}}).encode() + b"\n"

    server.answers[f"POST {PODS}"] = lambda body: (201, {**body, **WAITING})
    server.answers[f"GET {PODS}?watch"] = watched
    with pytest.raises(PodDidNotStart, match="was deleted"):
        carrier.start(contextlib.nullcontext)
    assert _deletions(server) == [f"DELETE {PODS}/p"]
    assert carrier.close(whole=False) == ""


@pytest.mark.parametrize(("status", "says"), [(201, "was given up while it started"), (504, "the API server answered")])
def test_pod_that_appears_after_its_start_was_given_up_is_deleted(
    api: Api, server: Server, status: int, says: str
) -> None:
    carrier = PodCarrier(api, pods.manifest("p", pods.Place("n1"), ORDER))
    there: list[str] = []

    def delete(_: Object) -> tuple[int, Any]:
        return (200, {}) if there and there.pop() else (404, {"message": "not found"})

    def create(body: Object) -> tuple[int, Any]:
        carrier.cancel()
        there.append("p")
        return status, {**body, **WAITING}

    server.answers[f"POST {PODS}"] = create
    server.answers[f"DELETE {PODS}/p"] = delete
    with pytest.raises((PodDidNotStart, ApiError), match=says):
        carrier.start(contextlib.nullcontext)
    assert carrier.close(whole=False) == ""
    assert not there


def test_recorder_that_was_found_running_is_not_deleted_by_who_gives_up(api: Api, server: Server) -> None:
    carrier = PodCarrier(api, pods.manifest("p", pods.Place("n1"), ORDER), exists=True)
    assert not carrier.cancel()
    assert not server.requests


def test_pod_of_doctor_is_deleted_when_nobody_knows_whether_it_was_made(api: Api, server: Server) -> None:
    server.answers[f"POST {PODS}"] = (504, {"message": "the proxy gave up"})
    server.answers[f"GET {PODS}"] = (200, {"items": []})
    checks = list(deep.examine(api, pods.Place("n1")))
    assert "the proxy gave up" in checks[0].detail
    assert len(_deletions(server)) == 1


@pytest.mark.usefixtures("impatient")
def test_pod_that_cannot_be_deleted_is_told_with_the_command_that_does(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubectl_ebpfaudit.cluster.carrier._GONE_SECONDS", 0.05)
    name = ""

    def create_pod(body: Object) -> tuple[int, Any]:
        nonlocal name
        name = body["metadata"]["name"]
        server.answers[f"DELETE {PODS}/{name}"] = (500, {"message": "etcd is away"})
        return 201, {**body, **_recorder({"waiting": {"reason": "ErrImagePull"}})}

    server.answers[f"POST {PODS}"] = create_pod
    carrier, _ = _start(api)
    assert carrier.close(whole=False) == (
        f"pod ebpfaudit/{name} could not be deleted: the API server answered: etcd is away; "
        f"run kubectl -n ebpfaudit delete pod {name}"
    )
