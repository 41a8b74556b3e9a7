"""
Runs a notebook in the environment of its release: with parameters, its output as it comes, and what it shows at the end.

It is run by the release's Python, so it imports nothing of ours; nbclient and ipykernel are the release's.
"""

import ast
import json
import os
import re
import sys
from contextlib import suppress
from html.parser import HTMLParser

USAGE = "expected: NOTEBOOK.ipynb [-p NAME VALUE]... [--shown]"
OF_THE_RUN = {  # parameters that a run has by itself, where the notebook asks for them
    "report_date": ("DAYBREAK_REPORT_DATE", "date"),
    "period_start": ("DAYBREAK_PERIOD_START", "datetime"),
    "period_end": ("DAYBREAK_PERIOD_END", "datetime"),
}


def main(path, arguments):
    """Run the notebook, and leave it with its output in DAYBREAK_OUTPUT_DIR, also when it fails."""
    given, shown = _read(arguments)
    folder = os.environ.get("DAYBREAK_OUTPUT_DIR", ".")
    temporary = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - by hand only
    # Nothing is read from or left in a home, which the user may not even have.
    os.environ.update(JUPYTER_RUNTIME_DIR=temporary, IPYTHONDIR=os.path.join(temporary, "ipython"))
    os.environ.update(JUPYTER_PREFER_ENV_PATH="1", JUPYTER_PLATFORM_DIRS="1")
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    kernel = _kernel_of(notebook)
    try:
        KernelSpecManager().get_kernel_spec(kernel)
    except NoSuchKernel:
        there = ", ".join(sorted(KernelSpecManager().find_kernel_specs()))
        step = f"There are: {there}" if there else "Add the package that brings it to its requirements.txt"
        sys.exit(f"{path} asks for the kernel {kernel!r}, which is not installed. {step}")
    if kernel == "python3":
        _inject(notebook, given)
    elif given:
        sys.exit(f"{path} is no notebook of Python: it takes no parameters")
    try:
        _client(notebook, kernel, path).execute()
    except CellExecutionError as error:
        sys.exit(re.sub(r"\x1b\[[0-9;]*m", "", str(error)))
    finally:
        nbformat.write(notebook, os.path.join(folder, os.path.basename(path)))
    if shown:
        print(json.dumps({"shown": list(_shown(notebook))}))


def _read(arguments):
    given, shown, rest = {}, False, list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--shown":
            shown = True
        elif word in ("-p", "--parameters") and len(rest) > 1 and rest[0].isidentifier():
            name, value, *rest = rest
            given[name] = value
        else:
            sys.exit(f"What does {word!r} mean? {USAGE}")
    return given, shown


def _kernel_of(notebook):
    """Return the kernel's name: any Python notebook runs in the release's, whatever its author called theirs."""
    spec = notebook.metadata.get("kernelspec", {})
    language = spec.get("language") or notebook.metadata.get("language_info", {}).get("name") or "python"
    return "python3" if language.lower() == "python" else spec.get("name", language)


def _inject(notebook, given):
    """Put the parameters after the cell tagged ``parameters``, or first where there is none, as papermill does."""
    from nbformat.v4 import new_code_cell

    tagged = [at for at, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    place = tagged[0] + 1 if tagged else 0
    defaults = _assigned(notebook.cells[tagged[0]].source) if tagged else {}
    unknown = sorted(set(given) - set(defaults)) if tagged else []
    if unknown:
        there = ", ".join(defaults) or "no name = value"
        sys.exit(f"The notebook has no parameter {unknown[0]!r}. Its cell tagged 'parameters' has: {there}")
    lines = [f"{name} = {_value(value, defaults.get(name))!r}" for name, value in given.items()]
    for name, (variable, kind) in OF_THE_RUN.items():
        if name in defaults and name not in given and variable in os.environ:
            text = repr(os.environ[variable])
            as_text = isinstance(defaults[name], ast.Constant)
            lines.append(
                "{} = {}".format(
                    name, text if as_text else f"__import__('datetime').{kind}.fromisoformat({text})"
                )
            )
    if lines:
        cell = new_code_cell("# Parameters\n" + "\n".join(lines))
        cell.metadata["tags"] = ["injected-parameters"]
        if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
            del cell["id"]
        notebook.cells.insert(place, cell)


def _assigned(source):
    """Return the values that a cell assigns, by name, as syntax; magics of IPython are passed over."""
    found = {}
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in getattr(node, "targets", None) or [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value
    return found


def _value(text, default):
    """Return a parameter's value: text where the default is one, else a number, a list or what else JSON or Python is."""
    if isinstance(default, ast.Constant) and isinstance(default.value, str):
        return text
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return read(text)
    return text


def _client(notebook, kernel, path):
    from nbclient import NotebookClient

    class Client(NotebookClient):
        def output(self, outs, msg, display_id, cell_index):
            """Pass on what the notebook prints when it does."""
            if msg["msg_type"] == "stream":
                stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
                stream.write(msg["content"]["text"])
                stream.flush()
            return super().output(outs, msg, display_id, cell_index)

    where = {"metadata": {"path": os.path.dirname(os.path.abspath(path))}}
    return Client(notebook, kernel_name=kernel, timeout=None, resources=where)


def _shown(notebook):
    """Yield what the cells show: each as text, and tables as rows too."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                text = output.data.get("text/markdown", output.data.get("text/plain", ""))
                yield {"text": text, "rows": _rows(output.data.get("text/html", ""))}


def _rows(html):
    """Return the rows of a table as pandas shows it, as objects by column; None where there is none."""
    table = _Table()
    table.feed(html)
    head, *rows = table.rows or [[]]
    if not head or not rows:
        return None
    if not head[0] and [row[0] for row in rows] == [str(number) for number in range(len(rows))]:
        head, rows = head[1:], [row[1:] for row in rows]  # an index that only counts
    names = [name or "index" for name in head]
    return [dict(zip(names, map(_cell, row))) for row in rows]  # noqa: B905 - Python 3.9 may read it


def _cell(text):
    if re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d+)?", text):
        return json.loads(text)
    return None if text in ("NaN", "None", "<NA>", "NaT") else text


class _Table(HTMLParser):
    """The cells of the first table."""

    def __init__(self):
        HTMLParser.__init__(self)
        self.rows = []
        self._text = None
        self._done = False

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - as the parser calls it
        if tag == "tr" and not self._done:
            self.rows.append([])
        elif tag in ("td", "th") and self.rows and not self._done:
            self._text = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._text is not None:
            self.rows[-1].append(self._text.strip())
            self._text = None
        elif tag == "table":
            self._done = True

    def handle_data(self, data):
        if self._text is not None:
            self._text += data


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
