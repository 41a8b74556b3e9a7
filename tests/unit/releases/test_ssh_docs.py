from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "ssh.md"


def test_the_dag_in_the_documentation_is_one(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names = {"__file__": str(tmp_path / "orders.py"), "__name__": "orders"}

    exec(compile(code, str(DOCS), "exec"), names)

    assert names["run"].upstream_task_ids == {"deploy"}
    assert names["run"].ssh_conn_id == names["deploy"].ssh_conn_id
