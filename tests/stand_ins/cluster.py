"""
A stand-in for a Kubernetes cluster of one node, for who has none: its API over HTTP, and pods on the Docker engine.

It takes what its clients call here (pods, secrets and network policies; logs and exec), checks manifests as an API server does
(fields by the client's own models, names, labels), and runs a pod's containers with the users, limits, mounts and networks that it
asks for. It is no proof for what it lacks: admission, quotas, other nodes, and a network plugin that may ignore policies.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import struct
import tarfile
import threading
import time
import uuid
from contextlib import suppress
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import docker  # noqa: TID253 - no Dag file imports this
from docker.errors import APIError, ImageNotFound, NotFound  # noqa: TID253 - see above
from docker.utils.socket import frames_iter_no_tty  # noqa: TID253 - see above
from kubernetes import client as models  # noqa: TID253 - see above

HOLDER = "python:3.12-slim"
"""Image of the container that holds a pod's volumes and its network."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KINDS = {"pods": "V1Pod", "secrets": "V1Secret", "networkpolicies": "V1NetworkPolicy"}
_ROUTE = re.compile(
    r"/(?:api/v1|apis/networking.k8s.io/v1)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?(?:/(log|exec))?"
)


class Refusal(Exception):  # noqa: N818 - an answer of the API
    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status, self.reason = status, reason


def unknown_fields(value, kind, path=""):
    """Yield the fields of a manifest that the API does not have."""
    if found := re.fullmatch(r"list\[(.+)\]", kind):
        for number, item in enumerate(value):
            yield from unknown_fields(item, found[1], f"{path}[{number}]")
    elif (model := getattr(models, kind, None)) and isinstance(value, dict):
        names = {there: here for here, there in model.attribute_map.items()}
        for key, item in value.items():
            if key not in names:
                yield f"{path}.{key}"
            elif item is not None:
                yield from unknown_fields(item, model.openapi_types[names[key]], f"{path}.{key}")


def expanded(text, variables):
    """Put variables in place of ``$(NAME)``, and ``$`` in place of ``$$``, as Kubernetes does."""
    pattern = re.compile(r"\$(\$|\(([^)]*)\))")
    return pattern.sub(lambda m: "$" if m[1] == "$" else variables.get(m[2], m[0]), text)


class Cluster:
    """
    The cluster, and a kubeconfig of it.

    :ivar refuses: verbs and resources that nobody may use, such as ``create networkpolicies``.
    :ivar away: whether it answers nothing but 503.
    """

    def __init__(self) -> None:
        self.engine = docker.APIClient(version="auto")
        self.objects = {}
        self.lock = threading.RLock()
        self.refuses, self.away, self.calls = set(), False, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cluster": self}))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def kubeconfig(self):
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.address}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "work"}}],
            "current-context": "x",
        }

    def close(self):
        for kind, namespace, name in list(self.objects):
            if kind == "pods":
                self.delete(kind, namespace, name, grace=0)
        self.server.shutdown()
        self.server.server_close()
        self.engine.close()

    def create(self, kind, namespace, manifest):
        if wrong := list(unknown_fields(manifest, _KINDS[kind])):
            raise Refusal(400, "BadRequest", f"strict decoding error: unknown field {wrong[0]!r}")
        about = manifest["metadata"]
        name = about["name"]
        if not _NAME.fullmatch(name):
            raise Refusal(422, "Invalid", f"metadata.name: Invalid value: {name!r}")
        for key, label in (about.get("labels") or {}).items():
            if not _LABEL.fullmatch(label):
                raise Refusal(422, "Invalid", f"metadata.labels[{key}]: Invalid value: {label!r}")
        if kind == "secrets":
            data = manifest.pop("stringData", {})
            if wrong := [key for key in data if not _KEY.fullmatch(key)]:
                raise Refusal(422, "Invalid", f"data[{wrong[0]}]: Invalid value")
            manifest["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        with self.lock:
            if (kind, namespace, name) in self.objects:
                raise Refusal(409, "AlreadyExists", f'{kind} "{name}" already exists')
            about |= {"uid": str(uuid.uuid4()), "namespace": namespace}
            self.objects[kind, namespace, name] = manifest
        if kind == "pods":
            manifest["status"] = {"phase": "Pending"}
            node = _Node(self, namespace, manifest)
            manifest_node[about["uid"]] = node
            threading.Thread(target=node.run, daemon=True).start()
        return manifest

    def read(self, kind, namespace, name):
        with self.lock:
            if (kind, namespace, name) not in self.objects:
                raise Refusal(404, "NotFound", f'{kind} "{name}" not found')
            found = self.objects[kind, namespace, name]
        if kind == "pods":
            found["status"] = manifest_node[found["metadata"]["uid"]].status()
        return found

    def listed(self, kind, namespace, selector):
        def takes(labels):
            for term in filter(None, selector.split(",")):
                key, _, value = term.partition("=")
                if labels.get(key) is None or ("=" in term and labels[key] != value):
                    return False
            return True

        names = [name for k, n, name in list(self.objects) if (k, n) == (kind, namespace)]
        found = [self.read(kind, namespace, name) for name in names]
        return [each for each in found if takes(each["metadata"].get("labels") or {})]

    def delete(self, kind, namespace, name, *, grace=30, uid=None):
        found = self.read(kind, namespace, name)
        if uid not in (None, found["metadata"]["uid"]):
            raise Refusal(409, "Conflict", "the UID in the precondition does not match the UID in record")
        if kind != "pods":
            self.objects.pop((kind, namespace, name), None)
            return
        found["metadata"]["deletionTimestamp"] = datetime.now(timezone.utc).isoformat()

        def end():
            manifest_node[found["metadata"]["uid"]].end(grace)
            with self.lock:
                self.objects.pop((kind, namespace, name), None)
                for key, other in list(self.objects.items()):  # what it owns goes with it
                    owners = other["metadata"].get("ownerReferences") or []
                    if any(owner["uid"] == found["metadata"]["uid"] for owner in owners):
                        self.objects.pop(key)

        if grace:
            threading.Thread(target=end, daemon=True).start()
        else:
            end()


manifest_node = {}


class _Node:
    """What a node does for one pod."""

    def __init__(self, cluster, namespace, pod):
        self.cluster, self.namespace, self.pod = cluster, namespace, pod
        self.engine = cluster.engine
        self.uid = pod["metadata"]["uid"]
        self.label = {"stand-in-pod": self.uid}
        self.containers, self.waiting, self.failed = {}, {}, {}
        self.ended = threading.Event()

    def run(self):
        try:
            self._run()
        except (APIError, NotFound):
            if not self.ended.is_set():
                raise

    def _run(self):
        spec = self.pod["spec"]
        self._wait_for_secrets()
        self._hold()
        for each in spec.get("initContainers") or ():
            if not self._begin(each) or self.engine.wait(self.containers[each["name"]])["StatusCode"]:
                return
        for each in spec["containers"]:
            self._begin(each)

    def _wait_for_secrets(self):
        spec = self.pod["spec"]
        wanted = {v["secret"]["secretName"] for v in spec.get("volumes") or () if v.get("secret")}
        for each in spec["containers"]:
            for variable in each.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
                wanted |= {reference["name"]} if reference else set()
        while not self.ended.is_set() and any(
            ("secrets", self.namespace, name) not in self.cluster.objects for name in wanted
        ):
            time.sleep(0.05)

    def _secret(self, name):
        data = self.cluster.objects["secrets", self.namespace, name]["data"]
        return {key: base64.b64decode(text) for key, text in data.items()}

    def _hold(self):
        spec = self.pod["spec"]
        labels = self.pod["metadata"].get("labels") or {}
        closed = any(
            policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            for policy in self.cluster.listed("networkpolicies", self.namespace, "")
        )
        mounts = [f"{self.uid}-{v['name']}:/v/{v['name']}" for v in spec.get("volumes") or ()]
        host = self.engine.create_host_config(
            network_mode="none" if closed else "bridge", binds=mounts, init=True
        )
        self.holder = self.engine.create_container(
            HOLDER,
            ["sh", "-c", "for v in /v/*; do [ -d $v ] && chmod 0777 $v; done; sleep infinity"],
            host_config=host,
            labels=self.label,
            volumes=[m.split(":")[1] for m in mounts],
        )["Id"]
        self.engine.start(self.holder)
        group = (spec.get("securityContext") or {}).get("fsGroup", 0)
        for volume in spec.get("volumes") or ():
            if volume.get("secret"):
                data = self._secret(volume["secret"]["secretName"])
                chosen = volume["secret"].get("items") or [{"key": key, "path": key} for key in data]
                tar = io.BytesIO()
                with tarfile.open(fileobj=tar, mode="w") as archive:
                    for item in chosen:
                        header = tarfile.TarInfo(item["path"])
                        header.size = len(data[item["key"]])
                        header.mode, header.gid = volume["secret"].get("defaultMode", 0o644), group
                        archive.addfile(header, io.BytesIO(data[item["key"]]))
                self.engine.put_archive(self.holder, f"/v/{volume['name']}", tar.getvalue())
        while self.engine.exec_inspect(self._ready())["ExitCode"]:
            time.sleep(0.02)

    def _ready(self):
        probe = self.engine.exec_create(
            self.holder,
            ["sh", "-c", 'for v in /v/*; do [ ! -d $v ] || [ "$(stat -c %a $v)" = 777 ] || exit 1; done'],
        )["Id"]
        self.engine.exec_start(probe)
        return probe

    def _begin(self, each):
        spec, security = self.pod["spec"], each.get("securityContext") or {}
        pod = spec.get("securityContext") or {}
        variables = {}
        for variable in each.get("env") or ():
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                variables[variable["name"]] = self._secret(reference["name"])[reference["key"]].decode()
            else:
                variables[variable["name"]] = expanded(variable.get("value") or "", variables)
        limits = (each.get("resources") or {}).get("limits") or {}
        cpu = limits.get("cpu")
        capabilities = security.get("capabilities") or {}
        binds = [
            f"{self.uid}-{m['name']}:{m['mountPath']}" + (":ro" if m.get("readOnly") else "")
            for m in each.get("volumeMounts") or ()
        ]
        user = security.get("runAsUser", pod.get("runAsUser"))
        host = self.engine.create_host_config(
            network_mode=f"container:{self.holder}",
            binds=binds,
            read_only=security.get("readOnlyRootFilesystem", False),
            cap_drop=capabilities.get("drop"),
            cap_add=capabilities.get("add"),
            security_opt=[] if security.get("allowPrivilegeEscalation", True) else ["no-new-privileges:true"],
            group_add=[str(pod["fsGroup"])] if "fsGroup" in pod else None,
            mem_limit=_bytes(limits.get("memory")),
            memswap_limit=_bytes(limits.get("memory")),
            nano_cpus=int(float(cpu[:-1]) * 1e6 if cpu.endswith("m") else float(cpu) * 1e9) if cpu else None,
        )
        try:
            made = self.engine.create_container(
                each["image"],
                [expanded(word, variables) for word in each.get("args") or ()] or None,
                entrypoint=[expanded(word, variables) for word in each.get("command") or ()] or None,
                environment=variables,
                host_config=host,
                user=f"{user}:{pod.get('runAsGroup', user)}" if user is not None else None,
                labels=self.label,
            )["Id"]
        except ImageNotFound:
            self.waiting[each["name"]] = {
                "reason": "ImagePullBackOff",
                "message": f"Back-off pulling image {each['image']!r}",
            }
            return False
        try:
            self.engine.start(made)
        except APIError as error:
            self.failed[each["name"]] = {"reason": "StartError", "exitCode": 128, "message": error.explanation}
            return False
        self.containers[each["name"]] = made
        return True

    def state(self, name):
        if name in self.failed:
            return {"terminated": self.failed[name]}
        if name not in self.containers:
            return {"waiting": self.waiting.get(name, {"reason": "ContainerCreating"})}
        found = self.engine.inspect_container(self.containers[name])["State"]
        if found["Running"]:
            return {"running": {"startedAt": found["StartedAt"]}}
        reason = "OOMKilled" if found["OOMKilled"] else "Error" if found["ExitCode"] else "Completed"
        return {"terminated": {"exitCode": found["ExitCode"], "reason": reason}}

    def status(self):
        spec = self.pod["spec"]
        if self.ended.is_set():
            return self.pod["status"]
        try:
            inits, mains = (
                [
                    {
                        "name": c["name"],
                        "image": c["image"],
                        "imageID": "",
                        "ready": False,
                        "restartCount": 0,
                        "state": self.state(c["name"]),
                    }
                    for c in spec.get(key) or ()
                ]
                for key in ("initContainers", "containers")
            )
        except NotFound:
            return self.pod["status"]
        states = [each["state"] for each in mains]
        codes = [state["terminated"]["exitCode"] for state in states if "terminated" in state]
        broken = any(each["state"].get("terminated", {}).get("exitCode") for each in inits)
        if broken or len(codes) == len(states):
            phase = "Failed" if broken or any(codes) else "Succeeded"
        else:
            phase = "Running" if any("running" in state for state in states) else "Pending"
        return {"phase": phase, "initContainerStatuses": inits, "containerStatuses": mains}

    def end(self, grace):
        self.pod["status"] = self.status()
        self.ended.set()
        mine = self.engine.containers(all=True, filters={"label": f"stand-in-pod={self.uid}"})
        for each in sorted(mine, key=lambda each: each["Id"] == getattr(self, "holder", "")):
            with suppress(APIError):
                if grace and each["State"] == "running" and each["Id"] != getattr(self, "holder", ""):
                    self.engine.stop(each["Id"], timeout=grace)
                self.engine.remove_container(each["Id"], force=True, v=True)
        for volume in self.pod["spec"].get("volumes") or ():
            with suppress(APIError):
                self.engine.remove_volume(f"{self.uid}-{volume['name']}", force=True)


def _bytes(quantity):
    if quantity is None:
        return None
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)?", quantity)
    return int(found[1]) * 1024 ** {None: 0, "Ki": 1, "Mi": 2, "Gi": 3}[found[2]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def log_message(self, *_):
        pass

    def _answer(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _serve(self):
        path = urlsplit(self.path)
        query = parse_qs(path.query)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        try:
            self._route(path.path, query, body)
        except Refusal as error:
            status = {
                "kind": "Status",
                "status": "Failure",
                "message": str(error),
                "reason": error.reason,
                "code": error.status,
            }
            self._answer(status, error.status)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - as http.server calls them

    def _route(self, path, query, body):
        found = _ROUTE.fullmatch(path)
        if self.cluster.away:
            raise Refusal(503, "ServiceUnavailable", "the API server is away")
        if found is None:
            raise Refusal(404, "NotFound", f"there is no {path}")
        namespace, kind, name, sub = found.groups()
        verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[self.command]
        self.cluster.calls.append((verb, kind, sub))
        if f"{verb} {kind}" in self.cluster.refuses:
            raise Refusal(403, "Forbidden", f'{kind} is forbidden: User "u" cannot {verb} resource "{kind}"')
        if kind == "events":
            self._answer({"kind": "EventList", "items": []})
        elif sub == "log":
            self._log(namespace, name, query)
        elif sub == "exec":
            self._exec(namespace, name, query)
        elif self.command == "GET":
            self._answer(
                self.cluster.read(kind, namespace, name)
                if name
                else {
                    "kind": "List",
                    "items": self.cluster.listed(kind, namespace, (query.get("labelSelector") or [""])[0]),
                }
            )
        else:
            self._change(kind, namespace, name, body)

    def _change(self, kind, namespace, name, body):
        if self.command == "POST":
            self._answer(self.cluster.create(kind, namespace, body), 201)
        elif self.command == "PATCH":
            pod = self.cluster.read(kind, namespace, name)
            pod["metadata"].setdefault("labels", {}).update(body["metadata"]["labels"])
            self._answer(pod)
        else:
            grace = body.get("gracePeriodSeconds", 30)
            uid = (body.get("preconditions") or {}).get("uid")
            self.cluster.delete(kind, namespace, name, grace=grace, uid=uid)
            self._answer({"kind": "Status", "status": "Success"})

    def _container(self, namespace, name, query):
        pod = self.cluster.read("pods", namespace, name)
        node, container = manifest_node[pod["metadata"]["uid"]], query["container"][0]
        if container not in node.containers:
            raise Refusal(400, "BadRequest", f"container {container!r} in pod {name!r} is waiting to start")
        return node.containers[container]

    def _log(self, namespace, name, query):
        ident = self._container(namespace, name, query)
        follow = (query.get("follow") or [""])[0] == "true"
        since = int(time.time()) - int(query["sinceSeconds"][0]) if "sinceSeconds" in query else None
        lines = self.cluster.engine.logs(ident, stream=True, follow=follow, timestamps=True, since=since)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in lines:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
            if self.cluster.away:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _exec(self, namespace, name, query):
        ident = self._container(namespace, name, query)
        engine = docker.APIClient(version="auto")
        command = engine.exec_create(ident, query["command"], stdin=True)["Id"]
        stream = engine.exec_start(command, socket=True)
        accept = base64.b64encode(
            hashlib.sha1(
                f"{self.headers['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()
            ).digest()
        ).decode()
        self.wfile.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode()
        )
        self.wfile.flush()
        self.close_connection = True
        threading.Thread(target=self._feed, args=(stream._sock,), daemon=True).start()
        for channel, data in frames_iter_no_tty(stream):
            self._frame(bytes([channel]) + data)
        code = engine.exec_inspect(command)["ExitCode"]
        status = {"status": "Success"}
        if code:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        self._frame(b"\3" + json.dumps(status).encode())
        self._frame(b"", code=8)
        engine.close()

    def _feed(self, sock):
        """Pass on what comes on channel 0."""
        try:
            while True:
                head = self.rfile.read(2)
                if len(head) < 2 or head[0] & 15 == 8:
                    return
                length = head[1] & 127
                if length == 126:
                    [length] = struct.unpack(">H", self.rfile.read(2))
                elif length == 127:
                    [length] = struct.unpack(">Q", self.rfile.read(8))
                mask = self.rfile.read(4)
                data = self.rfile.read(length)
                repeated = (mask * (length // 4 + 1))[:length]
                plain = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
                if plain[:1] == b"\0":
                    sock.sendall(plain[1:])
        except (TimeoutError, OSError, ValueError):
            return

    def _frame(self, data, code=2):
        length = len(data)
        head = bytes([128 | code]) + (
            bytes([length])
            if length < 126
            else b"\x7e" + struct.pack(">H", length)
            if length < 65536
            else b"\x7f" + struct.pack(">Q", length)
        )
        try:
            self.wfile.write(head + data)
            self.wfile.flush()
        except OSError:
            return
