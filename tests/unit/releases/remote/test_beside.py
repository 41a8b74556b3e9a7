from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import RemoteMailError
from airflow_provider_daybreak.releases.remote.beside import beside

TAKING = """
import json, pathlib
asked = json.loads(sys.stdin.readline())
print(json.dumps({"variables": asked["given"], "address": str(asked["users"])}), flush=True)
sys.stdin.read()
"""


def began(code, folder):
    asked = {"code": code, "index": "index", "told": {}}
    return beside(asked, "/nowhere", folder, given={"HOST": "here"}, users={1})


def test_what_it_takes_lies_there_when_the_script_has_ended(tmp_path):
    with began(f"{TAKING}\npathlib.Path(sys.argv[2], 'index').touch()", tmp_path) as (variables, address):
        assert not (tmp_path / "index").exists()

    assert (variables, address) == ({"HOST": "here"}, "[1]")
    assert (tmp_path / "index").exists()


@pytest.mark.parametrize("code", ["raise SystemExit(3)", 'print("""{"problem": "no port is free"}""")'])
def test_a_script_does_not_begin_without_it(tmp_path, code):
    with pytest.raises(RemoteMailError, match="did not begin|no port is free"), began(code, tmp_path):
        pytest.fail("it began")


def test_one_that_ended_before_it_wrote_all_down_is_an_error(tmp_path):
    with pytest.raises(RemoteMailError, match="ended with 0"), began(TAKING, tmp_path):
        pass
