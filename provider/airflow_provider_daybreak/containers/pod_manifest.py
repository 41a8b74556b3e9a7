"""What a pod is made of: a template, and beside what it says itself all that keeps a script in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers.identity import LABEL, MARK, digest
from airflow_provider_daybreak.containers.isolation import HOME, USER
from airflow_provider_daybreak.containers.spec import INPUTS, RESULT, SECRETS, output_folders
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_daybreak.containers.identity import Identity
    from airflow_provider_daybreak.containers.job import ContainerJob
    from airflow_provider_daybreak.containers.tarball import Entry

BRING, TAKE = "daybreak-in", "daybreak-out"
"""The containers that files go in and come out by, beside that of the script."""
GATE = "/daybreak/ready"
"""In memory that these two share: it is there once all files are."""
NETWORK = f"{LABEL}.network"
KEPT = f"{LABEL}.kept"
POLICY_NAME = "daybreak-no-network"
_PRIVATE = "env."
_SECRET_MODE = 0o440
_WAIT_FOR_FILES = f"""
trap 'exit 143' TERM
mkdir -p "$@" && n=0
until [ -e {GATE} ]; do
  n=$((n+1)); [ $n -lt 18000 ] || {{ echo 'nobody brought the files within an hour' >&2; exit 75; }}
  sleep 0.2
done
"""
_WAIT_TO_BE_ASKED = "trap 'exit 0' TERM; while :; do sleep 1; done"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)b?", re.IGNORECASE)


@dataclass(frozen=True)
class PodSpec:
    """
    What a pod is to do.

    :param manifest: the pod, as the API takes it, but for its name.
    :param container: name of the script's container in it.
    :param inputs: files to put under ``/in``.
    :param secrets: what the pod's secret holds, by key.
    :param outputs: what comes out: a path in the container by name.
    :param result: path of a JSON file in the container whose value comes out too, or None.
    :param asked: digest of what it was asked for, as given.
    """

    image: str
    command: str | list[str] | None
    manifest: Mapping[str, Any]
    container: str
    inputs: Sequence[Entry] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict)
    result: str | None = None
    memory: int = 0
    asked: str = ""

    @property
    def digest(self) -> str:
        """What tells this work from other work of the same task. No secret goes into it."""
        return digest(self.asked, self.manifest["spec"])

    @property
    def takes(self) -> bool:
        """Whether something comes out of it."""
        return bool(self.outputs or self.result)


def spec_of(
    template: Mapping[str, Any], job: ContainerJob, *, container: str, files_image: str, inputs: Sequence[Entry]
) -> PodSpec:
    """
    Return what a pod is to do.

    :param template: a pod, as the API takes it. What it says of itself stays.
    :param container: name of the script's container in it.
    :param files_image: image with a ``sh`` and a ``tar`` for the containers that files go in and come out by.
    :raises InvalidValueError: a size, a user or a name can't be used.
    """
    pod = template["spec"]
    [script, *others] = sorted(pod["containers"], key=lambda each: each["name"] != container)
    paths = {**job.outputs, **({RESULT: job.result} if job.result else {})}
    folders = output_folders(
        paths, tmpfs=job.isolation.tmpfs, mounts=[m["mountPath"] for m in script.get("volumeMounts") or ()]
    )
    volumes, mounts, shared = _volumes(job, folders, inputs=bool(inputs))
    memory = bytes_of("mem_limit", job.isolation.mem_limit)
    own = {
        "securityContext": {**_container_security(job), **(script.get("securityContext") or {})},
        "resources": script.get("resources") or _resources(memory, job.isolation.cpus),
        "env": [*_environment(job), *(script.get("env") or ())],
        "volumeMounts": [*mounts, *(script.get("volumeMounts") or ())],
    }
    if words := _words(job.command):
        own["args"] = [_literal(word) for word in words]
    helper: dict[str, Any] = {
        "image": files_image,
        "securityContext": {
            **_container_security(job),
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}},
        "volumeMounts": [{key: value for key, value in mount.items() if key != "readOnly"} for mount in shared],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    subfolders = sorted(_subfolders(paths, folders))
    first: list[dict[str, Any]] = []
    last: list[dict[str, Any]] = []
    if inputs or subfolders:
        wait = _WAIT_FOR_FILES if inputs else 'mkdir -p "$@"'
        first = [{"name": BRING, "command": ["sh", "-c", wait, "sh", *(subfolders or ["/daybreak"])], **helper}]
    if paths:
        theirs = [mount for mount in script.get("volumeMounts") or () if _holds(mount["mountPath"], paths)]
        helper = {**helper, "volumeMounts": [*helper["volumeMounts"], *theirs]}
        last = [{"name": TAKE, "command": ["sh", "-c", _WAIT_TO_BE_ASKED], **helper}]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **{key: value for key, value in pod.items() if value not in (None, {}, [])},
        "restartPolicy": "Never",
        "securityContext": {**_pod_security(job.user), **(pod.get("securityContext") or {})},
        "initContainers": [*first, *(pod.get("initContainers") or ())],
        "containers": [{**script, **own}, *others, *last],
        "volumes": [*volumes, *(pod.get("volumes") or ())],
    }
    return PodSpec(
        image=job.image,
        command=job.command,
        manifest={**template, "spec": spec},
        container=script["name"],
        inputs=inputs,
        secrets={
            **{f"{_PRIVATE}{name}": value for name, value in job.private_environment.items()},
            **job.secrets,
        },
        outputs=job.outputs,
        result=job.result,
        memory=memory or 0,
        asked=digest(job.inputs, job.outputs, job.result),
    )


def named(spec: PodSpec, name: str, identity: Identity, try_number: int) -> dict[str, Any]:
    """Return a pod under a name, with what tells whose it is; and its own secret's name where it has one."""
    template, about = spec.manifest, identity.labels(work=spec.digest, try_number=try_number)
    metadata = template.get("metadata") or {}
    pod = dict(template["spec"])
    if spec.secrets:
        pod["volumes"] = [
            {**volume, "secret": {**volume["secret"], "secretName": name}}
            if volume["name"] == "daybreak-secrets"
            else volume
            for volume in pod["volumes"]
        ]
        pod["containers"] = [_with_secret(each, name) for each in pod["containers"]]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "name": name,
            "labels": {**(metadata.get("labels") or {}), **_labels(identity)},
            "annotations": {**(metadata.get("annotations") or {}), **about},
        },
        "spec": pod,
    }


def labels_of(identity: Identity) -> dict[str, str]:
    """Return the labels that a task's pods are found by: a label has 63 characters at most."""
    return {f"{LABEL}.identity": identity.digest[:32]}


def _labels(identity: Identity) -> dict[str, str]:
    return {**labels_of(identity), **({MARK: identity.mark} if identity.mark else {})}


def secret_of(spec: PodSpec, name: str, uid: str) -> dict[str, Any]:
    """Return the secret of a pod, which goes with it."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "immutable": True,
        "type": "Opaque",
        "stringData": dict(spec.secrets),
    }


def policy() -> dict[str, Any]:
    """Return the network policy that keeps pods which ask for it from every network."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY_NAME},
        "spec": {
            "podSelector": {"matchLabels": {NETWORK: "none"}},
            "policyTypes": ["Ingress", "Egress"],
        },
    }


def bytes_of(name: str, size: float | str | None) -> int | None:
    """
    Return a size in bytes, from a number or a text such as ``512m``, as engines take it: there an ``m`` is a mebibyte.

    :raises InvalidValueError: it is none.
    """
    if size is None:
        return None
    found = _SIZE.fullmatch(str(size).strip())
    if found is None:
        raise InvalidValueError(name, size, "bytes, or text such as 512m or 2g")
    return int(float(found[1]) * 1024 ** "bkmgt".index(found[2].lower() or "b"))


def _volumes(
    job: ContainerJob, folders: Sequence[str], *, inputs: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a pod's volumes, where the script has them, and where those have them that bring and take files."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    shared: list[dict[str, Any]] = []
    for number, (path, options) in enumerate(job.isolation.tmpfs.items()):
        size = re.search(r"(?:^|,)size=([^,]+)", options)
        memory: dict[str, Any] = {"medium": "Memory"}
        if size:
            memory["sizeLimit"] = str(bytes_of(f"tmpfs[{path!r}]", size[1]))
        volumes.append({"name": f"daybreak-tmp-{number}", "emptyDir": memory})
        mounts.append({"name": f"daybreak-tmp-{number}", "mountPath": path})
    if inputs:
        volumes.append({"name": "daybreak-in", "emptyDir": {"sizeLimit": str(2 * job.limits.bytes)}})
        mounts.append({"name": "daybreak-in", "mountPath": INPUTS, "readOnly": True})
        shared.append(mounts[-1])
    for number, folder in enumerate(folders):
        limit = {"sizeLimit": str(2 * job.limits.bytes)}
        volumes.append({"name": f"daybreak-out-{number}", "emptyDir": limit})
        mounts.append({"name": f"daybreak-out-{number}", "mountPath": folder})
        shared.append(mounts[-1])
    if shared:
        volumes.append({"name": "daybreak-gate", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
        shared.append({"name": "daybreak-gate", "mountPath": str(PurePosixPath(GATE).parent)})
    if job.secrets:
        for name in job.secrets:
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}", name) or name.startswith(_PRIVATE):
                expected = (
                    f"a name of letters, digits, '.', '_' and '-' that does not begin with '.' or {_PRIVATE!r}"
                )
                raise InvalidValueError("secrets", name, expected)
        items = [{"key": name, "path": name} for name in job.secrets]
        volumes.append({"name": "daybreak-secrets", "secret": {"defaultMode": _SECRET_MODE, "items": items}})
        mounts.append({"name": "daybreak-secrets", "mountPath": SECRETS, "readOnly": True})
    return volumes, mounts, shared


def _subfolders(paths: Mapping[str, str], folders: Sequence[str]) -> Iterator[str]:
    """Yield the folders between a volume and the outputs in it, so that a script need not make them."""
    for path in paths.values():
        for parent in PurePosixPath(path).parents:
            if any(PurePosixPath(folder) in parent.parents for folder in folders):
                yield str(parent)


def _holds(folder: str, paths: Mapping[str, str]) -> bool:
    return any(PurePosixPath(folder) in PurePosixPath(path).parents for path in paths.values())


def _environment(job: ContainerJob) -> Iterator[dict[str, Any]]:
    for name, value in {"HOME": HOME, **job.environment}.items():
        if name not in job.private_environment:
            yield {"name": name, "value": _literal(str(value))}
    for name in job.private_environment:
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": "", "key": f"{_PRIVATE}{name}"}}}


def _with_secret(container: Mapping[str, Any], name: str) -> dict[str, Any]:
    def filled(variable: dict[str, Any]) -> dict[str, Any]:
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
        if not str(reference.get("key", "")).startswith(_PRIVATE) or reference.get("name"):
            return variable
        return {**variable, "valueFrom": {"secretKeyRef": {**reference, "name": name}}}

    return {**container, "env": [filled(each) for each in container.get("env") or ()]}


def _literal(text: str) -> str:
    """Return a text so that the cluster puts nothing in place of ``$(NAME)`` in it."""
    return text.replace("$", "$$")


def _resources(memory: int | None, cpus: float | None) -> dict[str, Any]:
    limits = {}
    if memory:
        limits["memory"] = str(memory)
    if cpus:
        limits["cpu"] = f"{round(cpus * 1000)}m"
    return {"limits": limits} if limits else {}


def _container_security(job: ContainerJob) -> dict[str, Any]:
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if job.isolation.cap_add:
        capabilities["add"] = list(job.isolation.cap_add)
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "privileged": False,
        "readOnlyRootFilesystem": job.isolation.read_only,
    }


def _pod_security(user: str | int | None) -> dict[str, Any]:
    uid, _, gid = str(USER if user is None or user == "" else user).partition(":")
    gid = gid or uid
    if not (uid.isdigit() and gid.isdigit() and int(uid)):
        expected = "numbers of a user that is not root and, after a colon, of a group, such as 1000:1000"
        raise InvalidValueError("user", user, expected)
    return {
        "runAsNonRoot": True,
        "runAsUser": int(uid),
        "runAsGroup": int(gid),
        "fsGroup": int(gid),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _words(command: str | Sequence[str] | None) -> list[str]:
    import shlex

    return shlex.split(command) if isinstance(command, str) else list(command or ())
