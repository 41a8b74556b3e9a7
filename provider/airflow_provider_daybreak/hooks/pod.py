"""Pods for Airflow's tasks: the cluster that a connection reaches, and a job's life in it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_daybreak.containers import leftovers
from airflow_provider_daybreak.containers.cluster import Cluster
from airflow_provider_daybreak.containers.pod import Pod
from airflow_provider_daybreak.containers.pod_manifest import NETWORK, POLICY_NAME, policy, spec_of
from airflow_provider_daybreak.containers.work import disposed, perform
from airflow_provider_daybreak.containers.written import Written
from airflow_provider_daybreak.context.ended_tasks import ended
from airflow_provider_daybreak.exceptions import ClusterError, InvalidValueError, PodNetworkError
from airflow_provider_daybreak.hooks.container import ContainerRun, identity_of, inputs_of, is_ours, store_in
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context

    from airflow_provider_daybreak.containers.job import ContainerJob
    from airflow_provider_daybreak.containers.work import Keep


class PodHook(BaseHook):
    """
    Runs a job in a pod.

    :param connect: returns a client of the cluster (``kubernetes.client.CoreV1Api``) of its own, each time it is called.
    :param namespace: the pod's namespace.
    :param files_image: image with a ``sh`` and a ``tar``, by which files go in and come out.
    """

    def __init__(self, connect: Callable[[], Any], namespace: str, files_image: str) -> None:
        super().__init__()
        self.namespace = namespace
        self.files_image = files_image
        self._connect = connect
        self._supervisor = os.getppid()
        self._pod: Pod | None = None
        self._keep: Keep = "never"
        self._stopped = False

    def run(
        self,
        job: ContainerJob,
        template: Mapping[str, Any],
        context: Context,
        *,
        container: str,
        startup: float,
    ) -> ContainerRun:
        """
        Run a job in the pod of this task, or take over what an earlier try of it left.

        :param template: the pod, as the API takes it, but for what the job says.
        :param container: name of the script's container in it.
        :param startup: seconds until the script must have started.
        :raises ContainerError: an input, the pod or an output failed: says which and how.
        """
        if not job.image:
            raise InvalidValueError("image", job.image, "the image that the pod runs")
        settings = Settings.load()
        identity, try_number = identity_of(context, settings)
        inputs = inputs_of(job, settings)
        cluster = Cluster(self._connect, self.namespace)
        leftovers.sweep(partial(leftovers.in_cluster, cluster), identity, partial(ended, context["ti"]))
        network = job.isolation.network_mode
        if network not in ("none", "cluster"):
            raise InvalidValueError("network", network, "none, or cluster for what pods there have")
        if network == "none":
            template = _labelled(template, {NETWORK: "none"})
            _keep_from_networks(cluster)
        pod = Pod(
            cluster=cluster,
            identity=identity,
            name=job.container_name or identity.name,
            spec=spec_of(template, job, container=container, files_image=self.files_image, inputs=inputs),
            try_number=try_number,
            startup=startup,
        )
        self._pod, self._keep = pod, job.keep
        with disposed(pod, job.keep, ours=partial(is_ours, self._supervisor, "pod")):
            result = perform(
                pod,
                Written(lambda _, line: self.log.info("%s", line), job.log_limit, job.redactor),
                limits=job.limits,
                store=store_in(job.archive or settings.archive),
                accept=lambda code: code == 0 or code in job.skip_on_exit_code,
                stopped=lambda: self._stopped,
            )
        return ContainerRun(pod.name, job.image, result)

    def stop(self) -> None:
        """End and remove the pod of a run that is under way: for a signal handler, within five seconds."""
        self._stopped = True
        if self._pod is not None:
            self.log.info("Stopping pod %s", self._pod.name)
            self._pod.end(Cluster(self._connect, self.namespace), keep=self._keep != "never")


def _labelled(template: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}


def _keep_from_networks(cluster: Cluster) -> None:
    """
    Make sure that the namespace has the policy by which pods without a network have none.

    :raises PodNetworkError: it has not, and may not be made; or it says something else.
    """
    wanted = policy()
    try:
        found = cluster.policy(POLICY_NAME)
        if found is None and not cluster.create_policy(wanted):
            found = cluster.policy(POLICY_NAME)
    except ClusterError as error:
        raise PodNetworkError(cluster.namespace, str(error)) from error
    if found is not None and found["spec"] != wanted["spec"]:
        problem = f"the network policy {POLICY_NAME!r} there says something else"
        raise PodNetworkError(cluster.namespace, problem)
