"""The files that run a script without Airflow, one function for each way."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.exporting.calendar import on_calendar
from airflow_provider_daybreak.exceptions import NotExportableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.cli.exporting.script import Exported

Files = dict[str, str]
_RUNNER = Path(__file__).with_name("runner.py")
_SECRETS = "/run/daybreak/secrets.env"
_USER_ID = 1000
_GRACE = 10  # seconds


def files_for(target: str, script: Exported, image: str | None) -> tuple[Files, list[str]]:
    """
    Return the files of one of :data:`TARGETS`, by their names, and what is to be done with them.

    :param image: what the script's image is called, where one is pushed.
    :raises NotExportableError: it can't be run so.
    """
    files, steps = TARGETS[target](script, image or script.image or f"{script.name}:latest")
    if script.secrets:
        files["secrets.env"] = "".join(f"{name}=\n" for name in script.secrets)
        steps.insert(0, "Write the values into secrets.env: a line each, as they are, without quotes")
    if script.release:
        files |= _program(script)
    return files, steps


def _program(script: Exported) -> Files:
    run = {
        "command": list(script.command), "variables": dict(script.variables), "secrets": list(script.secrets),
        "zone": script.zone, "offset": script.offset, "limits": dict(script.limits),
    }  # fmt: skip
    return {
        "run.json": json.dumps(run, indent=2) + "\n",
        "run.py": _RUNNER.read_text("utf-8"),
        "requirements.lock": script.lock,
    }


def _compose(script: Exported, image: str) -> tuple[Files, list[str]]:
    service: dict[str, Any] = {
        "image": image,
        "init": True,
        "read_only": script.read_only,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": [f"{folder}:{options}" if options else folder for folder, options in script.tmpfs.items()],
        "stop_grace_period": f"{_GRACE}s",
    }
    files: Files = {}
    if script.release:
        own = os.geteuid() or _USER_ID
        service |= {
            "build": {"context": "."},
            "user": f"{own}:{os.getegid() or _USER_ID}",
            "volumes": ["./out:/out"],
        }
        files |= _dockerfile(script)
        if script.secrets:
            service["secrets"] = [{"source": "secrets", "target": _SECRETS}]
    else:
        service |= _container_service(script)
    document: dict[str, Any] = {"name": script.name, "services": {script.name: service}}
    if "secrets" in service:
        document["secrets"] = {"secrets": {"file": "./secrets.env"}}
    files["compose.yaml"] = _yaml(script, document)
    line = f"docker compose run --rm --no-TTY {script.name}"
    steps = ["docker compose build"] if script.release else []
    steps.append(line)
    if script.cron:
        files["crontab"] = _crontab_line(script, f"{_in_time(script)}{line}")
        steps.append("Replace FOLDER in the file crontab by this folder, and add its lines to a crontab")
    return files, steps


def _container_service(script: Exported) -> dict[str, Any]:
    said: dict[str, Any] = {"user": script.user, "network_mode": script.network}
    if script.command:
        said["command"] = [part.replace("$", "$$") for part in script.command]
    if script.variables:
        said["environment"] = {name: value.replace("$", "$$") for name, value in script.variables.items()}
    if script.secrets:
        said["env_file"] = ["secrets.env"]
    if script.memory:
        said |= {"mem_limit": script.memory, "memswap_limit": script.memory}
    if script.cpus:
        said["cpus"] = script.cpus
    if script.processes:
        said["pids_limit"] = script.processes
    return said


def _cronjob(script: Exported, image: str) -> tuple[Files, list[str]]:
    if script.cron is None:
        raise NotExportableError(script.name, "schedule", "None", "a cron expression; --to job runs it once")
    spec = {
        "schedule": script.cron,
        "timeZone": script.zone,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "jobTemplate": {"spec": _job_spec(script, image)},
    }
    document = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": script.name}, "spec": spec}
    return _for_cluster(script, image, "cronjob.yaml", document)


def _job(script: Exported, image: str) -> tuple[Files, list[str]]:
    document = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{script.name}-"},
        "spec": _job_spec(script, image),
    }
    return _for_cluster(script, image, "job.yaml", document)


def _for_cluster(
    script: Exported, image: str, name: str, document: Mapping[str, Any]
) -> tuple[Files, list[str]]:
    files = {name: _yaml(script, document)}
    steps = []
    if script.release:
        files |= _dockerfile(script)
        steps.append(f"docker build -t {shlex.quote(image)} . && docker push {shlex.quote(image)}")
    if script.secrets:
        kind = "--from-file" if script.release else "--from-env-file"
        steps.append(f"kubectl create secret generic {script.name} {kind}=secrets.env")
    steps.append(f"kubectl {'apply' if name == 'cronjob.yaml' else 'create'} -f {name}")
    return files, steps


def _job_spec(script: Exported, image: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "script",
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": script.read_only,
        },
        "volumeMounts": [
            {"name": f"tmp-{number}", "mountPath": folder} for number, folder in enumerate(script.tmpfs)
        ],
    }  # fmt: skip
    volumes: list[dict[str, Any]] = [
        {"name": f"tmp-{number}", "emptyDir": {}} for number, _ in enumerate(script.tmpfs)
    ]
    if script.release:
        container["volumeMounts"].append({"name": "out", "mountPath": "/out"})
        volumes.append({"name": "out", "emptyDir": {}})
        if script.secrets:
            mount = {"name": "secrets", "mountPath": str(Path(_SECRETS).parent), "readOnly": True}
            container["volumeMounts"].append(mount)
            volumes.append({"name": "secrets", "secret": {"secretName": script.name, "defaultMode": 0o440}})
    else:
        if script.command:
            container["args"] = [part.replace("$(", "$$(") for part in script.command]
        if script.variables:
            container["env"] = [
                {"name": name, "value": value.replace("$(", "$$(")} for name, value in script.variables.items()
            ]
        if script.secrets:
            container["envFrom"] = [{"secretRef": {"name": script.name}}]
        limits = {"memory": _bytes(script.memory), "cpu": str(script.cpus) if script.cpus else None}
        if any(limits.values()):
            container["resources"] = {"limits": {name: said for name, said in limits.items() if said}}
    user, _, group = script.user.partition(":")
    own = {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group or user),
        "fsGroup": int(group or user),
    }
    spec: dict[str, Any] = {
        "backoffLimit": script.retries,
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/name": script.name}},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": {**own, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [container],
                "volumes": volumes,
            },
        },
    }
    if script.seconds:
        spec["activeDeadlineSeconds"] = script.seconds * (script.retries + 1)
    return spec


def _crontab(script: Exported, _image: str) -> tuple[Files, list[str]]:
    _on_this_machine(script, "crontab")
    if script.cron is None:
        raise NotExportableError(script.name, "schedule", "None", "a cron expression")
    line = _crontab_line(script, f"{_in_time(script)}.venv/bin/python run.py")
    steps = [
        "./install.sh",
        "Replace FOLDER in the file crontab by this folder, and add its lines to a crontab",
    ]
    return {"crontab": line, "install.sh": _install(script)}, steps


def _systemd(script: Exported, _image: str) -> tuple[Files, list[str]]:
    _on_this_machine(script, "systemd")
    timeout = script.seconds or "infinity"
    limit = f"StartLimitIntervalSec=12h\nStartLimitBurst={script.retries + 1}\n" if script.retries else ""
    again = "Restart=on-failure\nRestartSec=60\n" if script.retries else ""
    service = (
        f"{_head(script)}[Unit]\nDescription={script.name}\n{limit}\n[Service]\nType=oneshot\nWorkingDirectory=FOLDER\n"
        f"ExecStart=FOLDER/.venv/bin/python run.py\nTimeoutStartSec={timeout}\nNoNewPrivileges=yes\nPrivateTmp=yes\n{again}"
    )
    files = {f"{script.name}.service": service, "install.sh": _install(script)}
    units = f"{script.name}.service"
    start = f"systemctl --user start {script.name}.service"
    if script.cron:
        calendar = "".join(f"OnCalendar={each}\n" for each in on_calendar(script.cron, script.zone))
        files[f"{script.name}.timer"] = (
            f"{_head(script)}[Unit]\nDescription={script.name}\n\n[Timer]\n{calendar}\n[Install]\nWantedBy=timers.target\n"
        )
        units += f" {script.name}.timer"
        start = f"systemctl --user enable --now {script.name}.timer"
    copy = f'mkdir -p ~/.config/systemd/user && for unit in {units}; do sed "s|FOLDER|$PWD|" $unit > ~/.config/systemd/user/$unit; done'
    return files, ["./install.sh", copy, f"systemctl --user daemon-reload && {start}"]


def _on_this_machine(script: Exported, target: str) -> None:
    if script.release is None:
        raise NotExportableError(
            script.name, "--to", target, "compose, cronjob or job, since it is a container's script"
        )


def _crontab_line(script: Exported, command: str) -> str:
    escaped = f"cd FOLDER && flock -n .lock {command} >> run.log 2>&1".replace("%", r"\%")
    return f"{_head(script)}# Debian's cron knows no CRON_TZ: there the hour is that of the machine's zone.\nCRON_TZ={script.zone}\n{script.cron} {escaped}\n"


def _in_time(script: Exported) -> str:
    return f"timeout -k {_GRACE} {script.seconds} " if script.seconds else ""


def _install(script: Exported) -> str:
    install = f".venv/bin/{_pip(script)}\n" if script.lock else ""
    return f'#!/bin/sh\n{_head(script)}set -eu\ncd "$(dirname "$0")"\npython{script.python} -m venv .venv\n{install}'


def _pip(script: Exported) -> str:
    binary = "" if script.release and script.release.manifest.get("built") else " --only-binary :all:"
    return f"pip install --no-cache-dir --no-deps --require-hashes{binary} --requirement requirements.lock"


def _dockerfile(script: Exported) -> Files:
    install = f"COPY requirements.lock ./\nRUN .venv/bin/{_pip(script)}\n" if script.lock else ""
    timeout = json.dumps(["timeout", "-k", str(_GRACE), str(script.seconds)] if script.seconds else [])[1:-1]
    entry = f"{timeout}{', ' if timeout else ''}" + '".venv/bin/python", "run.py"'
    text = (
        f"{_head(script)}FROM python:{script.python}-slim\nWORKDIR /opt/script\nRUN python -m venv .venv\n{install}"
        f"COPY run.py run.json ./\nCOPY source source\nRUN install -d -m 1777 /out\n"
        f"ENV DAYBREAK_OUTPUT_DIR=/out\nUSER {_USER_ID}:{_USER_ID}\nENTRYPOINT [{entry}]\n"
    )
    return {"Dockerfile": text, ".dockerignore": "secrets.env\nout\nrun.log\n.lock\n.venv\n"}


def _head(script: Exported) -> str:
    return "".join(f"# {line}\n" for line in _said(script))


def _said(script: Exported) -> Iterator[str]:
    yield f"{script.name}: written by `daybreak export`. What Airflow does beside is not done: no archive of runs, no catching up."
    for each in script.left_out:
        yield f"Left out: {each}."


def _yaml(script: Exported, document: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return _head(script) + text


_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _bytes(memory: str | int | None) -> str | None:
    """Return what Docker calls 512m as a cluster has it."""
    if memory is None:
        return None
    text = str(memory).lower().removesuffix("b") or "0"
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1] in _UNITS else (text, 1)
    return str(int(float(number) * unit))


TARGETS: Mapping[str, Callable[[Exported, str], tuple[Files, list[str]]]] = {
    "compose": _compose,
    "cronjob": _cronjob,
    "job": _job,
    "crontab": _crontab,
    "systemd": _systemd,
}
