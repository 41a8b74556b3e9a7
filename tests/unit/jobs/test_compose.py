from __future__ import annotations

from airflow_provider_daybreak.jobs.compose import read_compose
from airflow_provider_daybreak.jobs.job import Fate, Refusal

FILE = """
services:
  sales:
    image: example/sales:1.2
    environment: {REGION: north}
    volumes: [data:/data]
    labels:
      ofelia.enabled: "true"
      ofelia.job-exec.daily.schedule: "0 0 9 * * *"
      ofelia.job-exec.daily.command: "python sales.py 'a b'"
      ofelia.job-exec.daily.no-overlap: "true"
      ofelia.job-exec.often.schedule: "@every 5m"
      ofelia.job-exec.often.command: ls
  other:
    build: .
    labels:
      - ofelia.job-exec.built.schedule=0 9 * * *
      - ofelia.job-local.here.schedule=0 8 * * *
      - ofelia.job-local.here.command=/srv/x.py
  quiet: {image: x}
"""


def test_labels_are_jobs_of_their_service_s_image():
    found = {job.place.text.split("'")[1]: job for job in read_compose(FILE, "compose.yaml")}

    daily = found["daily"]
    assert (daily.when.expressions, daily.overlaps) == (("0 9 * * *",), False)
    assert daily.container.image == "example/sales:1.2"
    assert daily.container.command == ("python", "sales.py", "a b")
    assert daily.container.environment == {"REGION": "north"}
    assert [note.what for note in daily.notes if note.fate is Fate.REFUSED] == ["volumes"]
    assert found["here"].command == "/srv/x.py"
    assert [name for name, job in found.items() if isinstance(job, Refusal)] == ["often", "built"]
