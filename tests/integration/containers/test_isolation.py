"""What a container can't do, seen from inside of one."""

from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_daybreak.exceptions import ContainerFailedError

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("id -u", "1000"),
        ("touch /usr/x 2>&1 || true", "touch: cannot touch '/usr/x': Read-only file system"),
        ("touch /in/x 2>&1 || true", "touch: cannot touch '/in/x': Permission denied"),
        ("echo 'echo from tmp' > /tmp/x; sh /tmp/x", "from tmp"),
        ("grep CapEff /proc/self/status", "CapEff:\t0000000000000000"),
        ("grep CapBnd /proc/self/status", "CapBnd:\t0000000000000000"),
        ("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
        ("ls /sys/class/net", "lo"),
        ("cat /proc/1/comm", "docker-init"),
        (
            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max",
            "1073741824",
        ),
        ("cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max", "256"),
        (
            "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max",
            "100000",
        ),
        ("echo $HOME", "/tmp"),
    ],
)
def test_a_container_may_do_little(run, script, said):
    assert run(script, inputs={"a": ""})["last_line"] == said


def test_arguments_open_what_is_closed(run):
    result = run(
        "id -u; touch /usr/x && ls /sys/class/net",
        user="root",
        read_only=False,
        network_mode="bridge",
        cap_add=["CHOWN"],
    )

    assert result["last_line"] == "lo"


def test_a_secret_is_a_file_for_the_containers_user_alone(run):
    result = run(
        "stat -c '%a %u' /run/secrets/token; cat /run/secrets/token; env", secrets={"token": "s3cr3t\n"}
    )

    assert "s3cr3t" not in result["last_line"]


def test_a_secret_that_a_container_writes_is_masked_in_log_and_results_in_whatever_form(run, caplog):
    secret = 'pä"ss\\wörd'
    program = (
        "import base64, json, os; s = os.environ['DB_PASSWORD']; json.dump({'as': [s]}, open('/out/r.json', 'w')); "
        "print(s); print(json.dumps(s)); print('token:', base64.b64encode(s.encode()).decode())"
    )

    result = run(
        command=["python", "-c", program],
        private_environment={"DB_PASSWORD": secret},
        result="/out/r.json",
    )

    assert result["last_line"] == "token: ***"
    assert result["result"] == {"as": ["***"]}
    forms = (secret, json.dumps(secret), base64.b64encode(secret.encode()).decode())
    assert [form for form in forms if form in caplog.text + str(result)] == []


def test_a_secret_is_not_in_what_the_engine_tells_of_a_container(run, engine, containers, caplog):
    canary = "canary-of-the-secret"

    with pytest.raises(ContainerFailedError) as raised:
        run("cat /run/secrets/token > /dev/null; exit 1", secrets={"token": canary}, keep_on_failure=True)
    (kept,) = containers()
    told = str(engine.inspect_container(kept["Id"]))
    engine.remove_container(kept["Id"], v=True)

    assert "/run/secrets" in told
    assert canary not in told + str(kept) + str(raised.value) + caplog.text
