from __future__ import annotations

import subprocess
import sys
import zipfile
from io import BytesIO

from airflow_provider_daybreak.releases.remote import program


def test_the_program_is_the_same_from_the_same_files():
    first = program.program().digest
    program.program.cache_clear()

    assert program.program().digest == first


def test_the_program_needs_nothing_that_it_does_not_bring(tmp_path):
    zipfile.ZipFile(BytesIO(program.program().data)).extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "import airflow_provider_daybreak.releases.remote.host, airflow_provider_daybreak.releases.remote.supervisor, yaml, packaging"
    )

    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path)


def test_the_command_has_one_pair_of_single_quotes_so_that_any_shell_reads_it_alike():
    for python in (None, "/opt/python 3/bin/python"):
        said = program.command("marker", python)

        assert said.count("'") == 2
        assert "\n" not in said
        assert "!" not in said
