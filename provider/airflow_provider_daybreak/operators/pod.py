"""A script in a pod: isolated, with files in and out, never two at once and none left over."""

from __future__ import annotations

import re
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.containers.isolation import TMPFS, Isolation
from airflow_provider_daybreak.containers.job import ContainerJob, File, check_texts
from airflow_provider_daybreak.containers.outputs import CopyLimits
from airflow_provider_daybreak.context.masking import mask
from airflow_provider_daybreak.exceptions import (
    ClusterUnavailableError,
    DagInShadowError,
    InvalidValueError,
    MissingExtraError,
)
from airflow_provider_daybreak.operators.container_result import (
    ContainerResult,
    result_of,
    skipped_without_engine,
)
from airflow_provider_daybreak.operators.permanent import fail_at_once
from airflow_provider_daybreak.redact import Redactor, secrets_among

try:
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
except ImportError as missing:
    raise MissingExtraError("ScriptPodOperator", "kubernetes") from missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_daybreak.containers.work import Keep
    from airflow_provider_daybreak.hooks.pod import PodHook

__all__ = ["ContainerResult", "CopyLimits", "File", "ScriptPodOperator"]

_KEEP: Mapping[str, Keep] = {
    "delete_pod": "never",
    "delete_succeeded_pod": "failure",
    "keep_pod": "always",
    "delete_active_pod": "always",
}


class ScriptPodOperator(KubernetesPodOperator):
    """
    Run a script in a pod of a Kubernetes cluster, and take files in and out by copy.

    What :class:`~airflow_provider_daybreak.operators.docker.ScriptDockerOperator` does on an engine: nothing of the worker is
    mounted; no network, no root, no token of the cluster, a file system that can't be written but for ``/tmp`` and the folders of
    the outputs. All tries of a task share one pod: a retry takes over what a lost try left. What else
    ``KubernetesPodOperator`` takes works here too, but for what :doc:`/kubernetes` lists.

    :param image: image to run. (templated)
    :param command: arguments of the image's entry point as a list, or a line of them; ``cmds`` takes its place. (templated)
    :param inputs: what goes under ``/in``: by path there, a text, a :class:`File` for a file or folder, or what a
        report or container task returned. (templated)
    :param outputs: what comes out into the archive: a path in the container by name. (templated)
    :param result: path in the container of a JSON file whose value is returned too. (templated)
    :param environment: variables. (templated)
    :param private_environment: variables that are kept in a secret of the pod's own, which goes with it.
    :param secrets: files under ``/run/secrets``: a template of the content by name, kept in that secret too. Rendered when the
        task runs. Or a list of the provider's ``Secret``.
    :param network: ``none``, or ``cluster`` for what other pods of the namespace have.
    :param mem_limit: memory, as bytes or text such as ``512m``; ``container_resources`` says it in Kubernetes' words instead.
    :param cpus: how many CPUs' time it gets at most. None for all.
    :param read_only: whether the image's file system can't be written.
    :param tmpfs: folders in memory, by path, with their options, such as ``size=256m``.
    :param cap_add: capabilities to give back, after all have been dropped.
    :param user: numbers of the user and the group it runs as, such as ``1000:1000``.
    :param archive: URI of the archive that keeps outputs; ``[daybreak] archive`` when None. (templated)
    :param copy_limits: how many files and bytes may go in, and may come out.
    :param log_limit: bytes that the script may write before it is stopped.
    :param files_image: image with a ``sh`` and a ``tar`` by which files go in and come out; the provider's for XComs when None.
    :param skip_if_unavailable: skip the task, rather than fail it, when the cluster does not answer.
    :return: what came of it, as :class:`ContainerResult`.
    :raises ContainerError: the cluster, an input, the pod or an output failed.
    """

    template_fields: Sequence[str] = (
        *KubernetesPodOperator.template_fields,
        "command",
        "environment",
        "inputs",
        "outputs",
        "result",
        "archive",
    )

    def __init__(
        self,
        *,
        command: str | list[str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, str] | None = None,
        result: str | None = None,
        environment: Mapping[str, str] | None = None,
        private_environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | list[Any] | None = None,
        network: str = "none",
        mem_limit: float | str | None = "1g",
        cpus: float | None = 1.0,
        read_only: bool = True,
        tmpfs: Mapping[str, str] | None = None,
        cap_add: Sequence[str] | None = None,
        user: str | int | None = None,
        archive: str | None = None,
        copy_limits: CopyLimits | None = None,
        log_limit: int = 2 << 30,
        files_image: str | None = None,
        skip_if_unavailable: bool = False,
        deferrable: bool = False,
        do_xcom_push: bool = True,
        **kwargs: Any,
    ) -> None:
        files = secrets if isinstance(secrets, dict) else {}
        super().__init__(
            secrets=secrets if isinstance(secrets, list) else None,
            do_xcom_push=do_xcom_push,
            deferrable=False,
            **kwargs,
        )
        if deferrable:
            raise InvalidValueError("deferrable", deferrable, "False: the task itself takes files in and out")
        self.command = command
        check_texts(inputs)
        self.inputs = inputs
        self.outputs = outputs
        self.result = result
        self.environment = environment
        self._private_variables = private_environment or {}
        self._secret_files: Mapping[str, str] = files
        self.network = network
        self.mem_limit = mem_limit
        self.cpus = cpus
        self.read_only = read_only
        self.tmpfs = tmpfs
        self.cap_add = cap_add
        self.user = user
        self.archive = archive
        self.copy_limits = copy_limits
        self.log_limit = log_limit
        self.files_image = files_image
        self.skip_if_unavailable = skip_if_unavailable
        self._running: PodHook | None = None

    def execute(self, context: Context) -> ContainerResult:
        """Run the pod, or take over the one that an earlier try left."""
        from airflow_provider_daybreak.context.shadow import why_in_shadow
        from airflow_provider_daybreak.hooks.pod import PodHook
        from airflow_provider_daybreak.version_compat import AirflowSkipException

        with fail_at_once(), skipped_without_engine(skip=self.skip_if_unavailable):
            if self.network != "none" and why_in_shadow(context):
                what = f"run {self.task_id!r}, a pod with a network, whose mail nothing keeps"
                raise DagInShadowError(context["dag"].dag_id, what)
            template = self._template(context)
            namespace = template["metadata"]["namespace"]
            self._running = PodHook(self._connected, namespace, self._files_image)
            run = self._running.run(
                self._job(context),
                template,
                context,
                container=self.base_container_name,
                startup=self.startup_timeout_seconds,
            )
            if run.result.exit_code in self.skip_on_exit_code:
                raise AirflowSkipException(f"Pod {run.container} ended with exit code {run.result.exit_code}")
            return result_of(run, self.result)

    def on_kill(self) -> None:
        """End and remove the pod, within the five seconds that Airflow leaves."""
        if self._running is not None:
            self._running.stop()

    def _connected(self) -> Any:
        """Return a client with connections and credentials of its own."""
        one = copy(self)
        one.__dict__.pop("hook", None)
        return one.hook.core_v1_client

    @property
    def _files_image(self) -> str:
        from airflow.providers.cncf.kubernetes.utils.xcom_sidecar import PodDefaults

        named = self.files_image or self.hook.get_xcom_sidecar_container_image()
        return str(named or PodDefaults.SIDECAR_CONTAINER.image)

    def _template(self, context: Context) -> dict[str, Any]:
        """Return the pod that the provider makes of its arguments, as the API takes it."""
        provider = copy(self)
        provider.do_xcom_push = False  # its sidecar; the task returns a value in any case
        provider.random_name_suffix = False
        with self._connecting():
            pod = provider.build_pod_request_obj(context)
            plain = self.hook.core_v1_client.api_client.sanitize_for_serialization(pod)
        if not self.image:
            self.image = next(
                each.get("image", "")
                for each in plain["spec"]["containers"]
                if each["name"] == self.base_container_name
            )
        return cast("dict[str, Any]", plain)

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        from kubernetes.config import ConfigException

        try:
            yield
        except ConfigException as error:
            raise ClusterUnavailableError(("?",), str(error)) from error

    def _job(self, context: Context) -> ContainerJob:
        files = {name: str(self.render_template(text, context)) for name, text in self._secret_files.items()}
        environment = self.environment or {}
        redactor = Redactor({**secrets_among(environment), **self._private_variables}, files.values())
        mask(redactor)
        return ContainerJob(
            image=self.image or "",
            container_name=re.sub(r"[^a-z0-9-]+", "-", self.name.lower()).strip("-") if self.name else None,
            command=self.command,
            user=self.user,
            environment=environment,
            private_environment=self._private_variables,
            isolation=Isolation(
                network_mode=self.network,
                mem_limit=self.mem_limit,
                cpus=self.cpus,
                read_only=self.read_only,
                tmpfs=TMPFS if self.tmpfs is None else self.tmpfs,
                cap_add=tuple(self.cap_add or ()),
            ),
            inputs=self.inputs or {},
            outputs=self.outputs or {},
            secrets=files,
            redactor=redactor,
            result=self.result,
            keep=_KEEP[self.on_finish_action.value],
            archive=self.archive,
            limits=self.copy_limits or CopyLimits(),
            log_limit=self.log_limit,
            skip_on_exit_code=self.skip_on_exit_code,
        )
