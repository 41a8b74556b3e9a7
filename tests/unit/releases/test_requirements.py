from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.lock import make_lock
from airflow_provider_daybreak.releases.requirements import read_requirements
from airflow_provider_daybreak.releases.source import read_source

HASH = "sha256:" + "0" * 64
SCRIPT = """\
# /// script
# requires-python = ">=3.9"
# dependencies = [
#   "rich>=13",
#   {extra}
# ]
# ///
print()
"""


def read(source, wanted="auto"):
    return read_requirements(source if hasattr(source, "files") else read_source(source), wanted)


def test_included_files_stand_in_their_place_and_constraints_apart(folder):
    source = folder(
        report_py="",
        requirements_txt="# mail\n-r more/base.txt  # base\nattrs\n-c limits.txt\n",
        more__base_txt="requests >= 2.31 ; python_version > '3.8'\n",
        limits_txt="urllib3<3\n",
    )

    requirements = read(source)

    assert [line.text for line in requirements.lines] == ["requests >= 2.31 ; python_version > '3.8'", "attrs"]
    assert [line.text for line in requirements.constraints] == ["urllib3<3"]


def test_the_content_of_an_included_file_is_in_the_digest(folder):
    folder(report_py="", requirements_txt="-c limits.txt\nattrs\n")
    before = read(folder(limits_txt="attrs<24\n")).digest

    assert read(folder(limits_txt="attrs<25\n")).digest != before


def test_a_comment_is_not_in_the_digest(folder):
    before = read(folder(report_py="", requirements_txt="attrs\n")).digest

    assert read(folder(requirements_txt="# why\nattrs  # because\n")).digest == before


def test_hashes_on_continued_lines_are_read(folder):
    source = folder(
        report_py="", requirements_txt=f"attrs==1 \\\n    --hash={HASH} \\\n    --hash={HASH[:-1]}1\n"
    )

    requirements = read(source)

    assert requirements.lines[0].hashes == (HASH, HASH[:-1] + "1")
    assert requirements.hashed


@pytest.mark.parametrize("text", [f"attrs>=1 --hash={HASH}", "attrs==1", f"attrs==1.* --hash={HASH}"])
def test_what_is_not_pinned_and_hashed_is_not_taken_for_a_lock(folder, text):
    assert not read(folder(report_py="", requirements_txt=text)).hashed


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("-e .", "an editable install changes"),
        ("--editable=./lib", "an editable install changes"),
        ("./lib", "a path of one machine"),
        ("lib/thing-1.0-py3-none-any.whl", "a path of one machine"),
        ("thing @ file:///opt/thing.whl", "a path of one machine"),
        ("git+https://example.com/thing.git", "what a repository gives today"),
        ("thing @ git+ssh://example.com/thing.git@v1", "what a repository gives today"),
        ("thing @ http://example.com/thing.whl", "an address without TLS"),
        ("--extra-index-url https://example.com/simple", "with two indexes"),
        ("--find-links https://example.com/", "with two indexes"),
        ("--no-binary :all:", "this option is unknown here"),
        ("attrs=>1", "Expected a requirement such as"),
    ],
)
def test_a_line_that_cannot_be_deployed_is_refused_with_its_place(folder, line, problem):
    source = folder(report_py="", requirements_txt=f"# first\n\nrequests\n{line}\n")

    with pytest.raises(RequirementRefusedError, match=problem) as caught:
        read(source)

    assert caught.value.line == 4
    assert f"{caught.value.path}".endswith("requirements.txt")
    assert repr(line) in str(caught.value)


def test_two_indexes_are_refused_and_one_is_taken(folder):
    one = "--index-url https://one.example/simple\n"
    assert read(folder(report_py="", requirements_txt=f"{one}attrs\n")).index == "https://one.example/simple"

    with pytest.raises(
        RequirementRefusedError, match=r"line 2\): 'https://one.example/simple' is named already"
    ):
        read(folder(requirements_txt=f"{one}-i https://two.example/simple\n"))


def test_credentials_of_an_index_are_refused_without_being_shown(folder):
    source = folder(report_py="", requirements_txt="--index-url https://user:hunter2@one.example/simple\n")

    with pytest.raises(RequirementRefusedError, match="name it in index_conn_id") as caught:
        read(source)

    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_a_file_that_includes_itself_is_refused(folder):
    with pytest.raises(RequirementRefusedError, match="it includes itself"):
        read(folder(report_py="", requirements_txt="-r more.txt", more_txt="-r requirements.txt"))


def test_a_missing_include_is_refused_with_its_line(folder):
    with pytest.raises(RequirementRefusedError, match=r"line 1\): there is no file"):
        read(folder(report_py="", requirements_txt="-r more.txt"))


def test_a_script_may_bring_its_own(folder):
    requirements = read(folder(report_py=SCRIPT.format(extra='"attrs",')))

    assert [(line.text, line.number) for line in requirements.lines] == [("rich>=13", 4), ("attrs", 5)]
    assert requirements.requires_python == ">=3.9"


def test_a_scripts_own_are_refused_with_the_scripts_line(folder):
    with pytest.raises(RequirementRefusedError, match=r"report.py' line 5\): a path of one machine"):
        read(folder(report_py=SCRIPT.format(extra='"./lib",')))


def test_requirements_txt_goes_before_a_scripts_own(folder):
    source = folder(report_py=SCRIPT.format(extra=""), requirements_txt="attrs")

    assert read(source).kind == "requirements"
    assert read(source, "report.py").kind == "script"


def test_metadata_that_is_never_closed_is_an_error(folder):
    with pytest.raises(RequirementsError, match="the metadata opened on line 1 is never closed"):
        read(folder(report_py="# /// script\n# dependencies = []\n"))


def test_metadata_of_two_scripts_is_an_error(folder):
    script = SCRIPT.format(extra="")

    with pytest.raises(RequirementsError, match="has metadata too"):
        read(folder(report_py=script, other_py=script))


def test_a_file_that_is_named_and_missing_is_an_error(folder):
    with pytest.raises(RequirementsError, match="there is no such file in the source"):
        read(folder(report_py=""), "prod.txt")


def test_a_source_may_need_nothing(folder):
    assert read(folder(report_py="")).kind == "none"


def test_hashes_that_cannot_be_read_are_refused_with_their_line(folder):
    requirements = read(folder(report_py="", requirements_txt=f"attrs==1 --hash={HASH}\nidna==1 --hash=md5\n"))

    with pytest.raises(
        RequirementRefusedError, match=r"'idna==1' \(.*requirements.txt' line 2\): its hashes can't"
    ):
        make_lock(requirements, None, index=None)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://robot:canary@packages.example/simple",
        "--extra-index-url https://robot:canary@packages.example/simple",
        "attrs @ https://robot:canary@packages.example/attrs-1-py3-none-any.whl",
        "attrs @ git+https://robot:canary@packages.example/attrs",
    ],
)
def test_credentials_in_a_line_are_refused_and_not_shown(folder, line):
    with pytest.raises(RequirementRefusedError, match=r"https://\*\*\*@packages.example.* line 2") as caught:
        read(folder(report_py="", requirements_txt=f"idna\n{line}\n"))

    assert "canary" not in str(caught.value) + repr(caught.value)
