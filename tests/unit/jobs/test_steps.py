from __future__ import annotations

from airflow_provider_daybreak.jobs.job import Fate
from airflow_provider_daybreak.jobs.steps import commands_of


def test_what_a_deploy_does_is_left_out_and_what_asks_the_pipeline_is_refused():
    steps = [
        "# what it needs\npip install -r requirements.txt\n",
        "python x.py\necho $CI_COMMIT_SHA",
        "echo ${{ github.sha }}",
    ]

    lines, notes = commands_of([*steps, ". venv/bin/activate"])

    assert lines == ["python x.py"]
    assert [(note.fate, note.what) for note in notes] == [
        (Fate.ADAPTED, "pip install -r requirements.txt"),
        (Fate.REFUSED, "echo $CI_COMMIT_SHA"),
        (Fate.REFUSED, "echo ${{ github.sha }}"),
        (Fate.ADAPTED, ". venv/bin/activate"),
    ]
