from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_daybreak.containers.pod_manifest import policy
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.operators.pod import ScriptPodOperator

DOCUMENT = (Path(__file__).parents[3] / "docs" / "kubernetes.md").read_text()
EXAMPLES = [
    example for example in re.findall(r"```python\n(.+?)```", DOCUMENT, re.DOTALL) if "operators.pod" in example
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documentations_examples_make_tasks(example):
    with DAG("documented", schedule=None) as dag:
        exec(compile(example, "kubernetes.md", "exec"), {})

    assert all(isinstance(task, ScriptPodOperator) for task in dag.tasks)
    assert dag.tasks


def test_the_documented_policy_is_the_one_that_a_task_makes():
    documented = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.+?)```", DOCUMENT, re.DOTALL)]

    assert policy() in documented


def test_it_cannot_be_deferred():
    with pytest.raises(InvalidValueError, match="Invalid deferrable True: expected False"):
        ScriptPodOperator(task_id="t", image="x", deferrable=True)


def test_without_its_extra_the_command_that_brings_it_is_said():
    code = (
        "import sys; sys.modules['airflow.providers.cncf.kubernetes.operators.pod'] = None\n"
        "import airflow_provider_daybreak.operators.pod"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert finished.stderr.rstrip().endswith(
        "ScriptPodOperator needs packages that are not installed. "
        "Install them with: pip install 'airflow-provider-daybreak[kubernetes]'"
    )


def test_killing_a_task_that_runs_nothing_does_nothing():
    ScriptPodOperator(task_id="t", image="x").on_kill()
