#!/bin/bash
# Set up .venv/ in this checkout with all that demo, tests and checks need, unless it is as it should be. What fails is
# said in a sentence or two; all that pip and uv print is in .venv/set-up.log.
#
#   bash demo/set_up.sh [PYTHON]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
here=$(pwd -P)
wanted=${1:-python3}
log=.venv/set-up.log

fail() { printf '%s\n' "$@" >&2; exit 1; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; }

is_made() { # by this folder's name: a folder that was renamed has programs that begin with the old name
  [[ -f .venv/made && .venv/made -nt setup.cfg && .venv/made -nt pyproject.toml && .venv/made -nt constraints.txt ]] &&
    [[ $(cat .venv/folder 2>/dev/null) == "$here" ]] && .venv/bin/python -c '' 2>/dev/null
}

tried() { # WHAT, command: run it; where it fails, say why in a sentence
  local what=$1 why
  shift
  "$@" >> "$log" 2>&1 && return
  why=$(grep -E '^ *([a-z_]+\.)*[A-Z][A-Za-z]+Error: ' "$log" | tail -n 1) # of what builds a package, in its traceback
  why=${why:-$(grep -iE '^ *(error|×|[├└]─▶|caused by)' "$log" | tail -n 1)}
  why=${why:-$(tail -n 1 "$log" 2>/dev/null)}
  if grep -qi 'no space left' "$log" || (($(df --output=avail . | tail -n 1) < 10240)); then
    fail "Cannot bring $what: the disk of '$here' is full. Make room, 2 GB for all, and call make again."
  fi
  fail "Cannot bring $what: ${why:0:300}" \
    "They come from PyPI, or the index that UV_DEFAULT_INDEX names; https_proxy names a proxy. This once it must be in reach." \
    "All that was printed: $log"
}

is_made && exit
trap 'echo; exit 130' INT TERM

[[ $here != *:* ]] ||
  fail "This folder is '$here'. Expected a name without ':', which separates folders in PATH. Rename it, and call make again."
[[ $here != *\$[A-Za-z_{]* ]] ||
  fail "This folder is '$here'. Expected a name without a variable of the shell, which is filled in where packages are built." \
    "Rename it, and call make again."
[[ -w . ]] && { [[ ! -e .venv ]] || [[ -w .venv ]]; } ||
  fail "Cannot write in '$here', where .venv/ and .demo/ go. Expected a checkout of your own: clone it again where you may write."
python=$wanted
if ! fits "$python" && [[ $wanted == python3 ]]; then
  for other in python3.{13,12,11,10,14}; do
    if fits "$other"; then python=$other; break; fi
  done
fi
if ! fits "$python"; then
  version=no\ program\ here
  [[ -z $(type -P "$wanted") ]] || version=$("$wanted" --version 2>&1 | tail -n 1)
  fail "'$wanted' is ${version:-no Python}. Daybreak needs Python 3.10 to 3.14. Install one, or name it: make PYTHON=python3.12 …"
fi
"$python" -c 'import ensurepip' 2>/dev/null ||
  fail "'$python' cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv"
exec 9< . # freed however this ends
if ! flock --nonblock 9; then
  echo "Another make sets up .venv here: waiting for it …"
  flock 9
  is_made && exit
fi
echo "Setting up .venv (once, a few minutes at most) …"
# What asks pip to install elsewhere is meant for others, and what Python is told to load too.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV UV_TARGET UV_PREFIX
if [[ $(cat .venv/folder 2>/dev/null || echo "$here") != "$here" ]] || ! fits .venv/bin/python ||
  ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  if ! said=$("$python" -m venv --clear .venv 2>&1); then
    fail "Cannot make the virtual environment '$here/.venv': $(tail -n 1 <<< "$said")" \
      "Expected a folder to write in with 2 GB of room. Remove .venv where it is not yours, and call make again."
  fi
fi
{ rm -f .venv/made && printf '%s' "$here" > .venv/folder && : > "$log"; } 2>/dev/null ||
  fail "Cannot write in '$here/.venv': it is full, or another user's. Make room, or remove it, and call make again."

# pip and uv have an index each: one that is set for either is meant for both.
index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null)}}}
[[ -z $index ]] || export UV_DEFAULT_INDEX=$index PIP_INDEX_URL=$index
cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/uv}
if [[ $cache == /.cache/uv ]] || ! mkdir -p "$cache" 2>/dev/null || [[ ! -w $cache ]]; then
  export UV_CACHE_DIR=$here/.venv/cache # a home that is absent, or that nobody may write
fi
tried "the installer uv" .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2 uv
tried "Daybreak's packages" .venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
  --constraint constraints.txt --group dev --editable '.[all]'
touch .venv/made
