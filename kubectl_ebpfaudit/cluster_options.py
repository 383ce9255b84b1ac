"""kubectl's options for which cluster and as whom, for every verb that talks to one."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

import typer

from kubectl_ebpfaudit.cluster.overrides import Overrides
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.help import CLUSTER, RECORDER


def _option(*names: str, text: str, metavar: str | None = None, group: str = CLUSTER) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel=group, show_default=False)


_RECORDERS = "Namespace of the recorders' pods; record makes it if it is missing. [default: ebpfaudit]"
_TEXT = str | None
_OPTIONS: dict[str, Any] = {
    "recorder_namespace": Annotated[_TEXT, _option("--recorder-namespace", text=_RECORDERS, group=RECORDER)],
    "context": Annotated[_TEXT, _option("--context", metavar="NAME", text="Context of the kubeconfig.")],
    "cluster": Annotated[
        _TEXT, _option("--cluster", metavar="NAME", text="Cluster of the kubeconfig, instead of the context's.")
    ],
    "user": Annotated[
        _TEXT, _option("--user", metavar="NAME", text="User of the kubeconfig, instead of the context's.")
    ],
    "kubeconfig": Annotated[_TEXT, _option("--kubeconfig", metavar="FILE", text="Instead of $KUBECONFIG.")],
    "as_user": Annotated[_TEXT, _option("--as", metavar="USER", text="Act as this user.")],
    "as_group": Annotated[list[str] | None, _option("--as-group", metavar="GROUP", text="And in this group.")],
    "as_uid": Annotated[_TEXT, _option("--as-uid", metavar="UID", text="And with this UID.")],
    "server": Annotated[_TEXT, _option("-s", "--server", metavar="URL", text="Address of the API server.")],
    "token": Annotated[
        _TEXT,
        _option("--token", metavar="TOKEN", text="Bearer token; who lists the processes of this machine sees it."),
    ],
    "client_certificate": Annotated[
        _TEXT, _option("--client-certificate", metavar="FILE", text="Certificate to log in with.")
    ],
    "client_key": Annotated[_TEXT, _option("--client-key", metavar="FILE", text="Its key.")],
    "certificate_authority": Annotated[
        _TEXT, _option("--certificate-authority", metavar="FILE", text="Whom the API server's certificate is from.")
    ],
    "tls_server_name": Annotated[
        _TEXT, _option("--tls-server-name", metavar="NAME", text="Whom it is for, if not the server's host.")
    ],
    "insecure_skip_tls_verify": Annotated[
        bool, _option("--insecure-skip-tls-verify", text="Do not check it: anybody may be the API server.")
    ],
    "request_timeout": Annotated[
        _TEXT,
        _option(
            "--request-timeout",
            metavar="DURATION",
            text="How long the API server may take to answer: 5s, 2m, seconds; 0: for ever. [default: 30s]",
        ),
    ],
}


def connected(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with all these options in the place of its parameter `connection`, which is made of them."""
    signature = inspect.signature(verb, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name != "connection":
            parameters.append(parameter)
            continue
        for name, annotation in _OPTIONS.items():
            default = False if name == "insecure_skip_tls_verify" else None
            parameters.append(inspect.Parameter(name, parameter.KEYWORD_ONLY, default=default, annotation=annotation))

    @functools.wraps(verb)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in _OPTIONS}
        overrides = Overrides(**{field.name: given.pop(field.name) for field in fields(Overrides)})
        verb(**values, connection=Connection(**given, overrides=overrides))

    by_name = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = signature.replace(parameters=by_name)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in by_name}
    return run
