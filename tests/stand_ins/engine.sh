#!/usr/bin/env bash
# Bring a Docker engine with Compose, and an image python:3.12-slim, to a Debian machine that reaches Debian's archive
# but no image registry: for the tests. An engine or an image that is there already stays as it is.
#
#   sudo bash tests/stand_ins/engine.sh           install, start, build the image (two minutes; nothing to do: a second)
#   sudo bash tests/stand_ins/engine.sh --stop    stop the engine that this started
#
# The image is Debian with the CPython 3.12 of this machine in /usr/local; PYTHON312 names its python, when it is not
# the python3.12 on PATH or one of pyenv's.
set -euo pipefail

state=/var/lib/daybreak-tests
image=python:3.12-slim
needed=ca-certificates,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libuuid1,libexpat1
export DEBIAN_FRONTEND=noninteractive

fail() { echo "$*" >&2; exit 1; }
answers() { docker info >/dev/null 2>&1; }

install_engine() {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends docker.io iptables >"$state/apt.log" 2>&1 || fail "See $state/apt.log"
}

# Debian 12 has no Compose 2. That of Debian 13 is one static binary, which needs nothing of its release.
install_compose() {
  local lists=$state/trixie mirror
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
  mkdir -p "$lists/lists/partial" "$lists/packages" /usr/libexec/docker/cli-plugins
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror%% *} trixie main" >"$lists/sources.list"
  local options=(-qq -o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$lists/lists" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$lists/packages" && apt-get "${options[@]}" download docker-compose docker-buildx)
  for package in "$lists"/packages/*.deb; do
    dpkg-deb --extract "$package" "$lists/root"
  done
  install -m 0755 "$lists"/root/usr/libexec/docker/cli-plugins/* /usr/libexec/docker/cli-plugins/
}

start_engine() {
  setsid dockerd >"$state/dockerd.log" 2>&1 9>&- &
  echo $! >"$state/dockerd.pid"
  for ((tries = 0; tries < 120; tries++)); do
    answers && return
    sleep 0.5
  done
  tail -n 20 "$state/dockerd.log" >&2
  fail "The engine doesn't answer."
}

# Print the folder of a CPython 3.12: what becomes /usr/local of the image.
find_python() {
  local candidate
  for candidate in "${PYTHON312:-}" "$(command -v python3.12 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12; do
    [[ -x $candidate ]] || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.base_prefix)'
    return
  done
  fail "No CPython 3.12 to build $image of. Name one: PYTHON312=/path/to/python3.12 bash $0"
}

build_image() {
  local python root=$state/root name
  python=$(find_python)
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >>"$state/apt.log" 2>&1
  rm -rf "$root"
  debootstrap --variant=minbase --include="$needed" bookworm "$root" >"$state/debootstrap.log" 2>&1 ||
    fail "See $state/debootstrap.log"
  cp -a "$python"/. "$root/usr/local/"
  rm -rf "$root"/usr/local/lib/python3.12/test "$root"/usr/local/lib/python3.12/site-packages
  mkdir -p "$root/usr/local/lib/python3.12/site-packages"
  cp -a "$python"/lib/python3.12/site-packages/pip* "$root/usr/local/lib/python3.12/site-packages/"
  for name in pip pip3; do # those that were copied name the interpreter where it lay
    printf '#!/bin/sh\nexec /usr/local/bin/python3.12 -m pip "$@"\n' >"$root/usr/local/bin/$name"
    chmod 0755 "$root/usr/local/bin/$name"
  done
  # What this machine trusts and where it gets packages from holds in the image too.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  rm -f "$root/etc/apt/sources.list"
  cp /etc/apt/sources.list.d/*.sources "$root/etc/apt/sources.list.d/"
  echo /usr/local/lib >"$root/etc/ld.so.conf.d/python.conf"
  chroot "$root" /sbin/ldconfig
  find "$root/usr/local" -name __pycache__ -prune -exec rm -rf {} +
  tar -C "$root" -c . | docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
    --change 'CMD ["python3"]' - "$image" >/dev/null
  rm -rf "$root"
}

((EUID == 0)) || fail "Run it as root: sudo bash $0"
command -v apt-get >/dev/null || fail "This is for Debian. Elsewhere, install Docker with Compose by its own instructions."
mkdir -p "$state"
if [[ ${1:-} == --stop ]]; then
  [[ -f $state/dockerd.pid ]] && kill "$(<"$state/dockerd.pid")"
  rm -f "$state/dockerd.pid"
  exit
fi
exec 9>"$state/lock"
flock 9
command -v dockerd >/dev/null || answers || install_engine
docker compose version >/dev/null 2>&1 || install_compose
answers || start_engine
docker image inspect "$image" >/dev/null 2>&1 || timeout 60 docker pull --quiet "$image" >/dev/null 2>&1 || build_image
echo "The engine answers, and $image is there."
