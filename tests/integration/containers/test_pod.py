"""Scripts in pods, on a stand-in for a cluster whose containers are real."""

from __future__ import annotations

import json
import multiprocessing
import os
import time

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

from airflow_provider_daybreak.containers import pod as pods
from airflow_provider_daybreak.exceptions import (
    ClusterUnavailableError,
    ContainerCommandError,
    ContainerFailedError,
    ContainerInputError,
    ContainerLogTooLargeError,
    ContainerNameTakenError,
    ContainerOutputError,
    InvalidValueError,
    PodNetworkError,
    PodStartError,
)
from airflow_provider_daybreak.operators.pod import CopyLimits, ScriptPodOperator
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException
from tests.stand_ins.cluster import Cluster
from tests.waiting import until

pytestmark = pytest.mark.engine

IMAGE = "python:3.12-slim"
SLOW = "echo begun; n=0; while [ $n -lt 15 ]; do sleep 0.1; n=$((n+1)); done; echo x >> /out/x; echo done"
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def served():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(served, monkeypatch):
    """Return the cluster, and check afterwards that neither a pod nor a secret is left."""
    extra = {"kube_config": json.dumps(served.kubeconfig), "namespace": "work"}
    connection = {"conn_type": "kubernetes", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
    served.calls.clear()
    yield served
    served.refuses, served.away = set(), False
    try:
        until(lambda: [key for key in served.objects if key[0] != "networkpolicies"] == [], seconds=90)
    finally:
        served.objects.clear()  # which is none of the next test's faults


@pytest.fixture
def operator(archive, cluster):  # noqa: ARG001 - which the task's connection leads to
    """Return a function that makes the task."""

    def make(script=None, **arguments):
        if script is not None:
            arguments["command"] = ["sh", "-c", script]
        arguments = {"image": IMAGE, "files_image": IMAGE, "archive": archive, **arguments}
        return ScriptPodOperator(task_id="work", **arguments)

    return make


@pytest.fixture
def run_pod(operator, context):
    """Return a function that runs a task in a pod."""
    return lambda *words, **arguments: operator(*words, **arguments).execute(context())


def pods_of(cluster):
    return [value for key, value in cluster.objects.items() if key[0] == "pods"]


def running(cluster):
    """Return the pods whose script runs."""
    return [pod for pod in pods_of(cluster) if "running" in state_of(cluster, pod)]


def state_of(cluster, pod):
    about = pod["metadata"]
    statuses = cluster.read("pods", about["namespace"], about["name"])["status"].get("containerStatuses") or []
    return next((status["state"] for status in statuses if status["name"] == "base"), {})


def test_it_is_a_kubernetes_pod_operator():
    assert issubclass(ScriptPodOperator, KubernetesPodOperator)


def test_files_go_in_and_come_out_with_the_last_line_and_a_value(run_pod, content):
    result = run_pod(
        "cp /in/a/b.txt /out/deep/x.txt; mkdir /out/many; cp /in/a/b.txt /out/many/1; cp /in/a/b.txt /out/many/2; "
        "echo '{\"rows\": 12}' > /out/result.json; echo 12 rows",
        inputs={"a/b.txt": "hello\n"},
        outputs={"x": "/out/deep/x.txt", "many": "/out/many"},
        result="/out/result.json",
    )

    assert result["exit_code"] == 0
    assert result["last_line"] == "12 rows"
    assert result["result"] == {"rows": 12}
    assert result["outputs"].keys() == {"x", "many/1", "many/2"}
    assert {content(output) for output in result["outputs"].values()} == {b"hello\n"}


def test_a_large_file_comes_as_it_was(run_pod, content, tmp_path):
    data = os.urandom(20_000_001)
    (tmp_path / "large").write_bytes(data)

    result = run_pod(
        "cp /in/large /out/large",
        inputs={"large": tmp_path / "large"},
        outputs={"large": "/out/large"},
    )

    assert content(result["outputs"]["large"]) == data


FACTS = """
import json, os, pathlib
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
def writable(path):
    try:
        pathlib.Path(path, "x").write_text("x")
    except OSError:
        return False
    return True
pathlib.Path("/out/facts.json").write_text(json.dumps({
    "ids": [os.getuid(), os.getgid()],
    "capabilities": int(status["CapEff"], 16),
    "new privileges": status["NoNewPrivs"].strip() == "0",
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
    "writable": [path for path in ("/", "/etc", "/in", "/run/secrets", "/tmp", "/out", os.environ["HOME"]) if writable(path)],
    "networks": os.listdir("/sys/class/net"),
    "secrets": [len(os.environ["TOKEN"]), len(pathlib.Path("/run/secrets/key").read_text())],
}))
"""


@pytest.fixture
def made(cluster, monkeypatch):
    """Return the manifests that the API was given, as they were."""
    given, create = [], cluster.create

    def seen(kind, namespace, manifest):
        given.append(json.loads(json.dumps(manifest)))
        return create(kind, namespace, manifest)

    monkeypatch.setattr(cluster, "create", seen)
    return given


def test_a_script_can_do_little_and_its_pod_holds_nothing_secret(run_pod, cluster, made):
    secret = "a-private-value"

    facts = run_pod(
        command=["python", "/in/facts.py"],
        inputs={"facts.py": FACTS},
        private_environment={"TOKEN": secret},
        secrets={"key": f"{secret}-of-{{{{ run_id }}}}"},
        result="/out/facts.json",
    )["result"]

    pod = next(manifest for manifest in made if manifest["kind"] == "Pod")
    assert facts == {
        "ids": [1000, 1000],
        "capabilities": 0,
        "new privileges": False,
        "token": False,
        "writable": ["/tmp", "/out", "/tmp"],
        "networks": ["lo"],
        "secrets": [len(secret), len(f"{secret}-of-run")],
    }
    assert secret not in json.dumps(pod)
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        }
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"memory": str(1 << 30), "cpu": "1000m"}}
    until(lambda: not [key for key in cluster.objects if key[0] == "secrets"])


def test_a_network_is_had_by_asking_for_it(run_pod, cluster):
    assert "eth0" in run_pod("ls /sys/class/net | tr '\\n' ' '", network="cluster")["last_line"]
    assert not [call for call in cluster.calls if call[1] == "networkpolicies"]


def test_where_nothing_keeps_a_pod_from_the_network_it_does_not_start(run_pod, cluster):
    cluster.objects.pop(("networkpolicies", "work", "daybreak-no-network"), None)
    cluster.refuses = {"create networkpolicies"}

    with pytest.raises(
        AirflowFailException,
        match=r"Nothing keeps pods of the namespace 'work' from the network: .*cannot create",
    ) as raised:
        run_pod("true")

    assert isinstance(raised.value.__cause__, PodNetworkError)
    assert pods_of(cluster) == []


def test_nothing_is_put_in_place_of_dollars(run_pod):
    result = run_pod(
        "echo \"$VALUE\" $((6*7)) '$(HOME) $$(HOME) $$'", environment={"VALUE": "$(HOME) $$ $$$(HOME)"}
    )

    assert result["last_line"] == "$(HOME) $$ $$$(HOME) 42 $(HOME) $$(HOME) $$"


def test_a_line_of_megabytes_is_passed_on_and_no_half_of_a_secret(run_pod, capsys):
    secret = "a-private-value"
    script = (
        "import os, time; print('x' * 2_500_000 + os.environ['TOKEN'], flush=True); time.sleep(1); "
        "print(os.environ['TOKEN'], flush=True); time.sleep(1)"
    )

    result = run_pod(command=["python", "-c", script], private_environment={"TOKEN": secret})

    said = capsys.readouterr().out
    assert result["last_line"] == "***"
    assert secret not in said
    assert said.count("x") < 2_600_000  # and none of it twice


def test_a_script_that_fails_says_how_with_its_last_lines(run_pod):
    with pytest.raises(
        ContainerFailedError, match=r"failed: exit code 3\.\nThe last it wrote:\nit was so"
    ) as raised:
        run_pod("echo it was so >&2; exit 3")

    assert raised.value.exit_code == 3


def test_a_script_that_uses_more_memory_than_it_may_is_told_so(run_pod):
    with pytest.raises(ContainerFailedError, match="more memory than its limit of 64 MiB"):
        run_pod("python -c 'x = bytearray(200 << 20)'", mem_limit="64m")


def test_an_exit_code_may_skip_the_task(run_pod):
    with pytest.raises(AirflowSkipException, match="exit code 99"):
        run_pod("exit 99", skip_on_exit_code=99)


def test_a_program_that_the_image_lacks_is_named(run_pod):
    with pytest.raises(
        AirflowFailException, match="cannot execute .*nowhere.*executable file not found"
    ) as raised:
        run_pod(command=["x"], cmds=["nowhere"])

    assert isinstance(raised.value.__cause__, ContainerCommandError)


def test_an_image_that_is_not_there_is_named(run_pod, monkeypatch):
    monkeypatch.setattr(pods, "_PULL_TRIES", 0)

    with pytest.raises(PodStartError, match="image 'nowhere.invalid/x:1': ImagePullBackOff"):
        run_pod("true", image="nowhere.invalid/x:1")


def test_a_pod_that_no_files_image_can_be_had_for_says_which(run_pod, monkeypatch):
    monkeypatch.setattr(pods, "_PULL_TRIES", 0)

    with pytest.raises(PodStartError, match="container daybreak-in of image 'nowhere.invalid/files:1'"):
        run_pod("true", files_image="nowhere.invalid/files:1", inputs={"a": "a"})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("true", "wrote no such file"),
        ("ln -s /etc/passwd /out/x", "is a symbolic link to '/etc/passwd'"),
        ("mkfifo /out/x", "is a device or a pipe"),
        ("head -c 3000 /dev/zero > /out/x", "more than 2000 bytes in all"),
    ],
)
def test_what_may_not_come_out_is_refused(run_pod, script, said):
    with pytest.raises(ContainerOutputError, match=said):
        run_pod(script, outputs={"x": "/out/x"}, copy_limits=CopyLimits(files=10, bytes=2000))


def test_a_file_that_changed_since_it_was_archived_does_not_go_in(run_pod, tmp_path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "x").write_text("other")

    with pytest.raises(AirflowFailException, match="SHA-256 differs") as raised:
        run_pod(
            "true", inputs={"x": {"uri": (tmp_path / "archive" / "x").as_uri(), "sha256": "0" * 64, "bytes": 5}}
        )

    assert isinstance(raised.value.__cause__, ContainerInputError)


def test_one_that_writes_without_end_is_stopped(run_pod):
    with pytest.raises(AirflowFailException, match="wrote more than 10000 bytes") as raised:
        run_pod("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", log_limit=10_000)

    assert isinstance(raised.value.__cause__, ContainerLogTooLargeError)


def test_a_retry_takes_over_the_pod_of_a_lost_worker(operator, worker, context, cluster, content):
    lost = worker(operator(SLOW, outputs={"x": "/out/x"}))
    [first] = until(lambda: running(cluster))
    lost.kill()
    lost.join()

    result = operator(SLOW, outputs={"x": "/out/x"}).execute(context(try_number=2))

    assert first["metadata"]["annotations"]["daybreak.try_number"] == "1"
    assert (
        len([call for call in cluster.calls if call == ("create", "pods", None)]) == 2
    )  # one refused: it was there
    assert content(result["outputs"]["x"]) == b"x\n"
    assert result["last_line"] == "done"


def test_a_retry_brings_the_files_that_a_lost_worker_did_not(operator, worker, context, cluster):
    first = operator("cat /in/a", inputs={"a": "hello"})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pods.Pod, "_bring", lambda _: time.sleep(60))
        lost = worker(first)
    until(lambda: ("get", "pods", None) in cluster.calls and pods_of(cluster))
    time.sleep(0.3)
    lost.kill()
    lost.join()
    [before] = pods_of(cluster)

    result = operator("cat /in/a", inputs={"a": "hello"}).execute(context(try_number=2))

    assert before["metadata"]["annotations"]["daybreak.try_number"] == "1"
    assert result["last_line"] == "hello"


@pytest.mark.parametrize("earlier", ["exit 1", SLOW.replace("x >>", "old >>")], ids=["failed", "other work"])
def test_a_pod_that_is_no_use_is_replaced(operator, worker, context, cluster, content, earlier):
    lost = worker(operator(earlier, outputs={"x": "/out/x"}))
    until(lambda: [pod for pod in pods_of(cluster) if state_of(cluster, pod)])
    until(lambda: running(cluster) or [p for p in pods_of(cluster) if "terminated" in state_of(cluster, p)])
    lost.kill()
    lost.join()

    result = operator("echo new > /out/x", outputs={"x": "/out/x"}).execute(context(try_number=2))

    assert content(result["outputs"]["x"]) == b"new\n"


def test_two_tries_at_once_share_one_pod(operator, worker, cluster):
    most = 0
    tries = [worker(operator("sleep 1", outputs={}), try_number=number) for number in (1, 2)]
    while any(process.is_alive() for process in tries):
        most = max(most, len(pods_of(cluster)))
        time.sleep(0.02)

    assert most == 1


def test_a_pod_of_somebody_else_is_left_alone(run_pod, cluster):
    container = {"name": "base", "image": IMAGE, "command": ["sleep", "60"]}
    theirs = {"metadata": {"name": "mine"}, "spec": {"containers": [container]}}
    cluster.create("pods", "work", theirs)
    try:
        with pytest.raises(ContainerNameTakenError, match=r"Container 'mine' .* exists and is not this task's"):
            run_pod("true", name="mine")
        assert "deletionTimestamp" not in theirs["metadata"]
    finally:
        cluster.delete("pods", "work", "mine", grace=0)


def test_a_task_that_is_killed_removes_its_pod(operator, worker, cluster):
    killed = worker(operator("sleep 60"))
    until(lambda: running(cluster))

    killed.terminate()
    killed.join(15)

    assert killed.exitcode == 20
    until(lambda: pods_of(cluster) == [])


def test_an_api_server_that_is_away_while_a_pod_runs_is_waited_for(operator, worker, cluster):
    script = "n=0; while [ $n -lt 20 ]; do n=$((n+1)); echo line $n; sleep 0.1; done; [ $n = 20 ]"
    task = worker(operator(script))
    until(lambda: ("get", "pods", "log") in cluster.calls)

    cluster.away = True
    time.sleep(1.5)
    cluster.away = False
    task.join(30)

    assert task.exitcode == 0


def test_each_line_is_passed_on_once_through_an_outage(run_pod, cluster, monkeypatch):
    from threading import Timer

    from airflow_provider_daybreak.containers.written import Written

    seen = []
    add = Written.add

    def added(self, stream, data, name):
        seen.append(data)
        if data == b"line 5\n":  # the log is followed by now
            cluster.away = True
            Timer(0.7, setattr, (cluster, "away", False)).start()
        return add(self, stream, data, name)

    monkeypatch.setattr(Written, "add", added)

    run_pod("n=0; while [ $n -lt 30 ]; do n=$((n+1)); echo line $n; sleep 0.1; done")

    assert seen == [f"line {n}\n".encode() for n in range(1, 31)]


def test_a_failed_pod_can_be_kept_for_a_look_and_a_retry_has_another(operator, context, cluster):
    arguments = {"on_finish_action": "delete_succeeded_pod"}
    with pytest.raises(ContainerFailedError):
        operator("exit 1", **arguments).execute(context())
    [kept] = pods_of(cluster)

    result = operator("echo well", **arguments).execute(context(try_number=2))

    assert kept["metadata"]["labels"]["daybreak.kept"] == "true"
    assert result["container"] == f"{kept['metadata']['name']}-1"
    cluster.delete("pods", "work", kept["metadata"]["name"], grace=0)


@pytest.mark.parametrize("skip", [False, True])
def test_a_cluster_that_does_not_answer_is_told_with_its_address(run_pod, cluster, skip):
    cluster.away = True

    with pytest.raises(
        AirflowSkipException if skip else ClusterUnavailableError, match=f"{cluster.address} does not answer"
    ):
        run_pod("true", skip_if_unavailable=skip)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"user": "root"}, "numbers of a user that is not root"),
        ({"user": "0:0"}, "numbers of a user that is not root"),
        ({"mem_limit": "lots"}, "bytes, or text such as 512m"),
        ({"network": "host"}, "none, or cluster"),
        ({"secrets": {"../x": "y"}}, "a name of letters"),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_there_is_a_pod(run_pod, cluster, arguments, said):
    with pytest.raises(AirflowFailException, match=said) as raised:
        run_pod("true", **arguments)

    assert isinstance(raised.value.__cause__, InvalidValueError)
    assert pods_of(cluster) == []


def test_what_a_pod_template_says_stays(run_pod, made):
    template = {
        "metadata": {"labels": {"team": "sales"}},
        "spec": {
            "serviceAccountName": "reports",
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "containers": [{"name": "base", "image": IMAGE, "env": [{"name": "REGION", "value": "eu"}]}],
        },
    }

    assert run_pod("echo $REGION", image=None, pod_template_dict=template)["last_line"] == "eu"

    pod = next(manifest for manifest in made if manifest["kind"] == "Pod")
    assert pod["metadata"]["labels"]["team"] == "sales"
    assert pod["spec"]["serviceAccountName"] == "reports"
    assert pod["spec"]["tolerations"] == [{"key": "batch", "operator": "Exists"}]


def test_a_later_task_removes_the_pod_of_one_that_has_ended(operator, context, cluster):
    def lost():
        operator("sleep 60").execute(context(run_id="over"))

    worker = fork.Process(target=lost)
    worker.start()
    until(lambda: running(cluster))
    worker.kill()
    worker.join()
    later = context(run_id="later")
    later["ti"].get_task_states = lambda **_: {"over": {"work": "failed"}}

    assert operator("true").execute(later)["exit_code"] == 0

    until(lambda: pods_of(cluster) == [])
