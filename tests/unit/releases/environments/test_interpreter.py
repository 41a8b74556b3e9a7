from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import InterpreterError
from airflow_provider_daybreak.releases.environments.interpreter import find_interpreter


def test_a_shim_whose_interpreter_is_gone_is_an_error_that_says_so(tmp_path):
    shim = tmp_path / "shims" / "python3"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'pyenv: version 3.11.4 is not installed' >&2\nexit 1\n")
    shim.chmod(0o755)

    with pytest.raises(
        InterpreterError, match="shim: name the interpreter .*pyenv: version 3.11.4 is not installed"
    ):
        find_interpreter(str(shim), cache=tmp_path / "interpreters.json")
