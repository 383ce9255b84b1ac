"""`doctor`: whether recording would work, before anything is created."""

from typing import Annotated

import typer

from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.image import DEFAULT_IMAGE
from kubectl_ebpfaudit.names import check_name, check_pull_policy, pod_or_node
from kubectl_ebpfaudit.options import Namespace, Output, RecorderImage, RecorderPullPolicy, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from kubectl_ebpfaudit.progress import Progress
from replay.errors import WrongUsage


@connected
def doctor(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[POD|node/NODE]",
            help="A pod to record (NAME or pod/NAME), or a node.",
            show_default=False,
        ),
    ] = None,
    namespace: Namespace = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also try the recorder in a pod on that node, which is then deleted.")
    ] = False,
    output: Output = None,
    image: RecorderImage = None,
    image_pull_policy: RecorderPullPolicy = None,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """Say whether recording would work, and what to do where it would not.

    Looks at the kubeconfig, the API server, each permission, the recorder's namespace, and the pod's node (all
    nodes, if none is named). Creates nothing without --deep. Exit code 0 if all that record needs is there, else
    the one that record would end with.

    \b
    Examples:
      kubectl ebpfaudit doctor
      kubectl ebpfaudit doctor web-0 -n shop --deep
    """
    kind, name = pod_or_node(target) if target is not None else ("", "")
    if deep and not name:
        raise WrongUsage("--deep needs a node: name one as node/NAME, or a pod that runs on it")
    if namespace is not None:
        check_name("namespace", namespace)
    check_pull_policy(image_pull_policy)
    access = connection.access()

    from kubectl_ebpfaudit.cluster import checks
    from kubectl_ebpfaudit.cluster.doctor import Request, examine

    request = Request(
        access,
        connection.namespace_of_recorders,
        image or DEFAULT_IMAGE,
        image_pull_policy or "IfNotPresent",
        namespace,
        pod=name if kind == "pod" else "",
        node=name if kind == "node" else "",
        deep=deep,
    )
    found = []
    with Progress("asking the API server") as progress:
        for check in examine(request):
            found.append(check)
            progress.tell(f"looked at: {check.name}")
    code = checks.exit_code(found)
    if output:
        emit(as_data({"ok": code == 0, "checks": [check.document() for check in found]}, output.value))
    else:
        emit(checks.table(found))
    if code:
        raise typer.Exit(code)
