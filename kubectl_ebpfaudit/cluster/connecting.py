"""Connects to the API server that the kubeconfig names, or the pod's own. The only module that imports `kubernetes`.

Of that library comes what takes long to get right: kubeconfig and credentials. Its generated classes for
each resource cost a second to import and are left alone.
"""

import os
from pathlib import Path
from typing import Any

import kubernetes.config
from kubernetes.client import Configuration
from kubernetes.config.config_exception import ConfigException

from kubectl_ebpfaudit.cluster import kubeconfig
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.credentials import Source, TokenFile
from kubectl_ebpfaudit.cluster.errors import NoContext
from kubectl_ebpfaudit.cluster.plugin import Plugin
from replay.escape import printable

_kube_config: Any = kubernetes.config  # it has no types

_UNUSABLE = (ConfigException, OSError, KeyError, TypeError, AttributeError, ValueError)
"""What entries of a cluster or user that make no sense make the library raise."""


def connect(access: Access) -> Api:
    """Reads the kubeconfig as kubectl does; inside a pod without one, its service account. Sends nothing.

    Raises NoContext, or WrongUsage.
    """
    path, files = kubeconfig.locate(access.kubeconfig)
    if not files and (access.kubeconfig or not access.overrides.server):
        if not access.kubeconfig and not access.context and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _connect_inside(access)
        raise NoContext(
            f"there is no kubeconfig at {printable(path)}: name one with --kubeconfig or KUBECONFIG; "
            "record --local needs none"
        )
    context = kubeconfig.read(path, files, access.context, access.overrides)
    source = _source(context)
    configuration = Configuration()
    try:
        _kube_config.load_kube_config_from_dict(
            context.document(), client_configuration=configuration, persist_config=False
        )
    except _UNUSABLE as error:
        reason = str(error).splitlines()[:1] or [type(error).__name__]
        where = f"context {printable(context.name)}"
        raise NoContext(f"the kubeconfig {printable(path)} cannot be used: {where}: {printable(reason[0])}") from error
    proxy_url = context.cluster.get("proxy-url")
    return Api(configuration, access, context.name, context.namespace, proxy_url, source, context.user)


def _source(context: kubeconfig.Context) -> Source | None:
    """What gives credentials that change, taken out of `context`: the library reads or runs it only once."""
    user = context.user
    plugin = user.pop("exec", None)
    if path := user.pop("tokenFile", None):
        user.pop("token", None)
        return TokenFile(path)
    if plugin is None or user.get("token"):
        return None
    return Plugin(context, plugin)


def _connect_inside(access: Access) -> Api:
    configuration = Configuration()
    try:
        _kube_config.load_incluster_config(client_configuration=configuration)
        namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text().strip()
    except (ConfigException, OSError) as error:
        raise NoContext(f"there is no kubeconfig, and no service account: {printable(str(error))}") from error
    return Api(configuration, access, "", namespace)
