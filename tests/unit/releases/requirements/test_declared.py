from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.environments.lock import builds_of, make_lock
from airflow_provider_daybreak.releases.requirements.addresses import without_credentials
from airflow_provider_daybreak.releases.requirements.choosing import Choosing, NamedIndex
from airflow_provider_daybreak.releases.requirements.declared import read_requirements
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


@pytest.mark.parametrize("text", ["attrs==1", "attrs>=1", "attrs"])
def test_what_has_no_hashes_is_not_taken_for_a_lock(folder, text):
    assert not read(folder(report_py="", requirements_txt=text)).hashed


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"attrs==1 --hash={HASH}\nidna\n", "'idna'.* line 2"),
        (f"idna==3\nattrs==1 --hash={HASH}\n", "'idna==3'.* line 1"),
        (f"attrs>=1 --hash={HASH}\n", "'attrs>=1'.* line 1"),
        (f"attrs==1.* --hash={HASH}\n", r"'attrs==1\.\*'.* line 1"),
        ("--require-hashes\nattrs==1\n", "'attrs==1'.* line 2"),
        ("attrs==1\n--require-hashes\n", "'attrs==1'.* line 1"),
    ],
)
def test_a_hash_asks_for_a_version_and_a_hash_on_every_line(folder, text, line):
    with pytest.raises(RequirementRefusedError, match=rf"{line}\): it has no version and hash of its own"):
        read(folder(report_py="", requirements_txt=text))


def test_an_address_with_a_hash_leaves_nothing_open(folder):
    line = f"thing @ https://packages.example/thing-1-py3-none-any.whl --hash={HASH}\n"

    assert read(folder(report_py="", requirements_txt=line)).hashed


def test_a_hash_on_what_only_narrows_is_refused(folder):
    source = folder(
        report_py="", requirements_txt="attrs\n-c limits.txt\n", limits_txt=f"idna==3 --hash={HASH}\n"
    )

    with pytest.raises(RequirementRefusedError, match="limits.txt' line 1: .*Move it to the requirement"):
        read(source)


@pytest.mark.parametrize("limit", ["attrs<1", "Attrs!=1", "attrs @ https://packages.example/attrs-2.whl"])
def test_what_is_pinned_must_be_within_the_constraints(folder, limit):
    source = folder(
        report_py="",
        requirements_txt=f"attrs==1 --hash={HASH}\n-c limits.txt\n",
        limits_txt=f"idna<9\n{limit}\n",
    )

    with pytest.raises(RequirementRefusedError, match="'attrs==1'.*line 2 of '.*limits.txt' does not allow it"):
        make_lock(read(source), None, index=None)

    folder(limits_txt="attrs<2\nattrs>1 ; python_version < '3'\n")
    assert make_lock(read(source), None, index=None).versions == {"attrs": "1"}


@pytest.mark.parametrize("option", ["--only-binary :all:", "--prefer-binary"])
def test_an_option_for_wheels_holds_though_the_dag_allows_builds(folder, option):
    requirements = read(folder(report_py="", requirements_txt=f"{option}\nattrs==1\n"))

    assert builds_of(requirements, only_binary=True).arguments == ["--only-binary", ":all:"]
    with pytest.raises(RequirementRefusedError, match=rf"'{option}'.*only_binary=False"):
        builds_of(requirements, only_binary=False)


@pytest.mark.parametrize(
    ("option", "only_binary", "arguments"),
    [
        ("--only-binary=attrs", True, "--only-binary :all:"),
        ("--only-binary=attrs,Idna", False, "--only-binary attrs --only-binary idna"),
        ("--no-binary=attrs", False, "--no-binary attrs"),
        ("--no-binary Attrs", {"attrs": False}, "--only-binary :all: --no-binary attrs"),
        ("", {"Zope.Interface": False, "attrs": True}, "--only-binary :all: --no-binary zope-interface"),
        ("", False, ""),
    ],
)
def test_what_may_be_built_is_said_by_package(folder, option, only_binary, arguments):
    requirements = read(folder(report_py="", requirements_txt=f"{option}\nattrs==1\n"))

    assert " ".join(builds_of(requirements, only_binary).arguments) == arguments


@pytest.mark.parametrize("only_binary", [["thing"], "thing", {"thing": "no"}, None, 1])
def test_what_says_nothing_of_builds_is_an_error(folder, only_binary):
    requirements = read(folder(report_py="", requirements_txt="attrs==1\n"))

    with pytest.raises(InvalidValueError, match=r"Invalid only_binary .*as in \{'thing': False\}"):
        builds_of(requirements, only_binary)


@pytest.mark.parametrize(
    ("option", "only_binary", "problem"),
    [
        (
            "--no-binary attrs",
            True,
            r"it has attrs built, .*VenvDeployOperator\(only_binary=\{'attrs': False\}\)",
        ),
        ("--no-binary attrs", {"idna": False}, "it has attrs built"),
        (
            "--only-binary attrs",
            {"attrs": False},
            "it takes wheels of attrs alone, and the Dag lets it be built",
        ),
    ],
)
def test_what_the_source_has_built_the_dag_must_allow(folder, option, only_binary, problem):
    requirements = read(folder(report_py="", requirements_txt=f"{option}\nattrs==1\n"))

    with pytest.raises(RequirementsError, match=problem):
        builds_of(requirements, only_binary)


@pytest.mark.parametrize("comment", ["# why \\", "  # why \\", "attrs  # why \\"])
def test_a_comment_ends_with_its_line(folder, comment):
    source = folder(report_py="", requirements_txt=f"{comment}\nidna\n")

    assert read(source).lines[-1].text == "idna"


def test_a_comment_ends_what_is_continued_as_it_does_for_pip(folder):
    source = folder(report_py="", requirements_txt=f"attrs==1 \\\n# why\nidna==3 --hash={HASH}\n")

    with pytest.raises(RequirementRefusedError, match="'attrs==1'.* line 1"):
        read(source)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_requirements_may_be_written_as_powershell_does(folder, encoding):
    source = folder(report_py="")
    (source / "requirements.txt").write_text("attrs\r\nidna\r\n", encoding=encoding)

    assert [line.text for line in read(source).lines] == ["attrs", "idna"]


@pytest.mark.parametrize("data", [b"\xe9\n", "attrs\n".encode("utf-16-le")])
@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "setup.cfg"])
def test_what_is_no_text_is_an_error(folder, name, data):
    source = folder(report_py="")
    (source / name).write_bytes(data)

    with pytest.raises(RequirementsError, match=f"{name}': it is not UTF-8 text"):
        read(source)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("-e .", "there is no project"),
        ("--editable=./lib", "there is no project"),
        ("./lib", "there is no project"),
        ("../lib[more]", "there is no project"),
        ("-e lib/thing", "there is no project"),
        ("file:lib", "there is no project"),
        ("thing[more] @ file:lib", "there is no project"),
        ("-e /opt/thing", "there is no project"),
        ("https://example.com/thing-1.zip", "an address has its package's name before it"),
        ("-e file:///opt/thing", "a path of one machine"),
        ("-e git+https://example.com/thing.git#egg=thing", "what a repository gives today"),
        ("./lib ; python_version > '3'", "a path of one machine"),
        ("lib/thing-1.0-py3-none-any.whl", "a path of one machine"),
        ("thing @ file:///croot/thing_1/work", "'pip list --format=freeze' does"),
        ("git+https://example.com/thing.git", "what a repository gives today"),
        ("thing @ git+ssh://example.com/thing.git@v1", "what a repository gives today"),
        ("thing @ http://example.com/thing.whl", "an address without TLS"),
        ("--extra-index-url https://example.com/simple?a=b", "expected the address of a simple index"),
        ("--extra-index-url wheels", "expected the address of a simple index"),
        ("--find-links https://example.com/", "a page of links is no index"),
        ("--no-binary :all:", "Name those that are to be built"),
        ("-r https://example.com/requirements.txt", "requirements are not. Copy the file"),
        ("-c http://example.com/constraints.txt", "an address without TLS"),
        ("--no-index", "this option is unknown here"),
        ("--trusted-host packages.example", "this option is unknown here"),
        ("--use-feature=fast-deps", "this option is unknown here"),
        ("--only-binary :none:", "this option is unknown here"),
        ("--only-binary :all: --no-binary thing", "does not stand alone"),
        ("--prefer-binary --extra-index-url https://example.com/simple", "does not stand alone"),
        ("--require-hashes --pre", "does not stand alone"),
        ("-rmore.txt", "there is no file of that path"),
        ("--requirementmore.txt", "this option is unknown here"),
        ("-f wheels", "a page of links is no index"),
        ("thing --global-option=--fast", "Expected a requirement such as"),
        ("thing --config-settings=a=b", "Expected a requirement such as"),
        ("thing @ https://example.com/${HOME}/thing.whl", "variables are not filled in"),
        ("--index-url https://${HOST}/simple", "expected the address of a simple index"),
        ("--index-url packages.example", "expected the address of a simple index"),
        ("--index-url https://packages.example/simple?token=canary", "expected the address of a simple index"),
        ("--index-url https://packages.example:port/simple", "expected the address of a simple index"),
        ("--index-url /srv/simple", "expected the address of a simple index"),
        ("attrs=>1", "Expected a requirement such as"),
    ],
)
def test_a_line_that_cannot_be_deployed_is_refused_with_its_place(folder, line, problem):
    source = folder(report_py="", requirements_txt=f"# first\n\nrequests\n{line}\n")

    with pytest.raises(RequirementRefusedError, match=problem) as caught:
        read(source)

    assert caught.value.line == 4
    assert f"{caught.value.path}".endswith("requirements.txt")
    assert repr(without_credentials(line)) in str(caught.value)


def test_two_indexes_are_refused_and_one_is_taken(folder):
    one = "--index-url https://one.example/simple\n"
    assert read(folder(report_py="", requirements_txt=f"{one}attrs\n")).index == "https://one.example/simple"

    with pytest.raises(
        RequirementRefusedError, match=r"line 2\): 'https://one.example/simple' is named already"
    ):
        read(folder(requirements_txt=f"{one}-i https://two.example/simple\n"))


def test_an_index_beside_the_default_one_is_asked_first(folder):
    text = "-i https://one.example/simple\n--extra-index-url=https://two.example/simple\n--pre\nattrs\n"

    requirements = read(folder(report_py="", requirements_txt=text))

    assert requirements.index == "https://one.example/simple"
    assert requirements.choosing == Choosing((NamedIndex("https://two.example/simple"),), prerelease="allow")
    assert requirements.digest != read(folder(requirements_txt=text.replace("two", "three"))).digest


def test_a_project_of_the_source_brings_what_it_needs(folder):
    needs = (
        "[project]\nname = 'lib'\ndependencies = ['attrs']\n[project.optional-dependencies]\nmore = ['idna']\n"
    )
    text = "-e ./libs/lib[more]\n-r more/base.txt\nrequests\n"
    source = folder(report_py="", requirements_txt=text, more__base_txt="-e .\n", libs__lib__a_py="")
    (source / "libs" / "lib" / "pyproject.toml").write_text(needs)
    (source / "setup.cfg").write_text("[metadata]\nname = top\n[options]\ninstall_requires = yarl\n")

    requirements = read(source)

    assert [line.text for line in requirements.lines] == ["requests", "attrs", "idna", "yarl"]
    assert requirements.projects == ("libs/lib", "")


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
        "attrs@https://robot:canary@packages.example/attrs-1-py3-none-any.whl",
        "--index-url http:robot:canary@packages.example",
        "--index-url=https:/robot:canary@packages.example/simple",
        "-i https:///robot:canary@packages.example/simple",
        "-i https:\\\\robot:canary@packages.example/simple",
        "-i //robot:canary@packages.example/simple",
        "-i https://robot:can/canary@packages.example/simple",
        "-i HTTPS://robot:c@nary-canary@packages.example/simple",
        "--trusted-host robot:canary@packages.example",
        "robot:canary@packages.example",
    ],
)
def test_credentials_in_a_line_are_refused_and_not_shown(folder, line):
    with pytest.raises(RequirementRefusedError, match=r"\*\*\*@packages.example.* line 2") as caught:
        read(folder(report_py="", requirements_txt=f"idna\n{line}\n"))

    assert "canary" not in str(caught.value) + repr(caught.value)


UV = "# /// script\n# dependencies = ['attrs']\n{}# ///\n"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ("# [tool.uv.sources]\n# attrs = { index = 'company' }\n", "there is no index 'company'"),
        (
            "# [tool.uv.sources]\n# attrs = { git = 'https://a.example/attrs' }\n",
            "what a repository gives today",
        ),
        ("# [tool.uv.sources]\n# attrs = { path = 'attrs' }\n", "a script's metadata names no folder"),
        ("# [tool.uv.sources]\n# attrs = { url = 'http://a.example/attrs.whl' }\n", "an address without TLS"),
        (
            "# [tool.uv]\n# index-strategy = 'any'\n",
            "index-strategy in .* is none of first-index, unsafe-first-match",
        ),
        ("# [tool.uv]\n# dependency-metadata = []\n", "'dependency-metadata' in .* is not honoured here"),
        (
            "# [tool.uv]\n# no-index = true\n",
            "'no-index' in .* is not honoured here.*uv export --script report.py",
        ),
        ("# [tool.uv]\n# exclude-newer = 2026-03-29\n", "exclude-newer in .* is no string"),
        ("# [tool]\n# uv = 1\n", "tool.uv is no table"),
        ("# [tool.uv]\n# index = 'https://a.example'\n", "is no list of tables"),
        (
            "# [[tool.uv.index]]\n# url = 'https://a.example'\n# default = true\n# explicit = true\n",
            "it is default and explicit",
        ),
        ("# [[tool.uv.index]]\n# url = 'https://robot:canary@a.example'\n# default = true\n", "stand in clear"),
        ("# [[tool.uv.index]]\n# url = 'wheels'\n# default = true\n", "expected the address of a simple index"),
        ("# dependancies = ['idna']\n", "its metadata has 'dependancies'"),
        ("# requires-python = ['3.11']\n", "requires-python in its metadata is no string"),
    ],
)
def test_what_a_scripts_metadata_says_is_honoured_or_refused(folder, facts, problem):
    with pytest.raises((RequirementsError, RequirementRefusedError), match=problem) as caught:
        read(folder(report_py=UV.format(facts)))

    assert "canary" not in str(caught.value) + repr(caught.value)


def test_the_only_index_of_a_script_and_its_time_are_taken(folder):
    facts = (
        "# [tool.uv]\n# exclude-newer = '2026-03-29'\n# [[tool.uv.index]]\n# url = 'https://a.example/simple'\n"
    )

    requirements = read(folder(report_py=UV.format(facts + "# default = true\n")))

    assert (requirements.index, requirements.exclude_newer) == ("https://a.example/simple", "2026-03-29")
    assert (
        requirements.digest
        != read(folder(report_py=UV.format(facts.replace("29", "30") + "# default = true\n"))).digest
    )


def test_a_dependency_of_a_script_has_no_options(folder):
    with pytest.raises(RequirementRefusedError, match="a dependency in metadata has no options"):
        read(folder(report_py=f"# /// script\n# dependencies = ['attrs==1 --hash={HASH}']\n# ///\n"))


def test_the_lock_of_a_script_is_not_passed_over(folder):
    with pytest.raises(RequirementsError, match=r"report.py.lock': .*uv export --locked --script report.py"):
        read(folder(report_py=UV.format(""), **{"report_py.lock": ""}))


def test_two_blocks_of_metadata_are_an_error(folder):
    with pytest.raises(RequirementsError, match="it has metadata on line 1 and on line 4"):
        read(folder(report_py=UV.format("") + UV.format("")))


def test_metadata_is_read_in_the_encoding_that_the_script_names(folder):
    source = folder(report_py="")
    (source / "report.py").write_bytes(b"# coding: latin-1\r\n" + UV.format("# # \xe9\n").encode("latin-1"))

    assert [line.text for line in read(source).lines] == ["attrs"]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ("wheels = [{ path = 'attrs-1.whl', hashes = { sha256 = '0' } }]", "it is taken from a path"),
        ("marker = \"'pdf' in extras\"", "it is for an extra or a group"),
        ("marker = \"'dev' in dependency_groups\"", "it is for an extra or a group"),
    ],
)
def test_what_a_pylock_says_is_honoured_or_refused(folder, facts, problem):
    lock = f"lock-version = '1.0'\n[[packages]]\nname = \"attrs\"\nversion = '1'\n{facts}\n"
    source = folder(report_py="", **{"pylock.toml": lock})

    with pytest.raises(RequirementRefusedError, match=rf"'attrs' \(.*pylock.toml' line 3\): {problem}"):
        make_lock(read(source), None, index=None)


def test_the_index_of_a_lock_is_the_one_it_is_installed_from(folder):
    lock = 'lock-version = "1.0"\n[[packages]]\nname = "attrs"\nindex = "{}"\n'
    assert read(folder(report_py="", **{"pylock.toml": lock.format("https://a.example/simple")})).index == (
        "https://a.example/simple"
    )
    assert read(folder(**{"pylock.toml": lock.format("https://pypi.org/simple")})).index == ""

    with pytest.raises(RequirementRefusedError, match=r"line 4\): its credentials stand in clear"):
        read(folder(**{"pylock.toml": lock.format("https://robot:canary@a.example/simple")}))
