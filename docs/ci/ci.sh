#!/usr/bin/env bash
# What the pipelines beside this file do, one part a call, by hand too:
#   bash ci/ci.sh install | check FORMAT [FILE] | previews | image | deploy bundle|image|ssh
set -euo pipefail

airflow=${AIRFLOW_VERSION:-3.3.2}
dags=${DAGS:-dags}
commit=$(git rev-parse --verify HEAD)

# Airflow and what Dags import, in the versions that Airflow was tried with.
install() {
  local python constraints
  python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  constraints=${CONSTRAINTS:-https://raw.githubusercontent.com/apache/airflow/constraints-$airflow/constraints-$python.txt}
  python3 -m pip install --quiet --constraint "$constraints" "apache-airflow==$airflow" --requirement requirements.txt
  python3 -m pip check
}

check() {
  daybreak check --dags "$dags" --output "$1" ${2:+--output-file "$2"}
}

# PREVIEWS names what is shown, such as "dags/sales.py:render_report dags/stock.py:render_report".
previews() {
  local each file
  for each in ${PREVIEWS:?such as dags/sales.py:render_report}; do
    file=$(basename "${each%%:*}" .py)
    daybreak preview "${each%%:*}" "${each##*:}" --date "${PREVIEW_DATE:-2026-03-29}" --out "previews/$file/${each##*:}"
  done
}

image() {
  docker build --pull --tag "${IMAGE:?such as registry.example.org/airflow}:$commit" .
  if [ -n "${REGISTRY_PASSWORD:-}" ]; then
    printf %s "$REGISTRY_PASSWORD" | docker login --username "$REGISTRY_USER" --password-stdin "${IMAGE%%/*}"
  fi
  docker push "$IMAGE:$commit"
}

# Of an earlier commit this is the way back: each way takes the commit that is checked out.
deploy() {
  case $1 in
    bundle) to_bundle ;;
    image) to_image ;;
    ssh) to_ssh ;;
    *) echo "deploy: '$1' is none of bundle, image, ssh" >&2; exit 2 ;;
  esac
  echo "Deployed $commit by $1."
}

# A GitDagBundle follows the branch. Forced, since the way back is no fast-forward.
to_bundle() {
  # The helper's own shell reads the password: it is in no argument list.
  git ${GIT_PASSWORD:+-c credential.helper='!f() { echo "username=${GIT_USER:-ci}"; echo "password=$GIT_PASSWORD"; }; f'} \
    push --force "${GIT_REMOTE:-origin}" "$commit:refs/heads/${BUNDLE_BRANCH:-production}"
}

# The host runs docker-compose.yaml: its image becomes this commit's.
to_image() {
  remote "docker pull '$IMAGE:$commit' && docker tag '$IMAGE:$commit' '${STACK_IMAGE:-daybreak-airflow:3.3.2}' &&
    cd '${DEPLOY_FOLDER:?the folder of docker-compose.yaml}' && docker compose up --detach --no-build --wait"
}

# dag_bundle_config_list names $DEPLOY_FOLDER/current/dags: switched in one step, once all files are there.
to_ssh() {
  local folder=${DEPLOY_FOLDER:?the folder on the host}
  git archive "$commit" "$dags" | remote "set -eu; mkdir -p '$folder/versions'; cd '$folder/versions'
    if [ -d '$commit' ]; then cat >/dev/null; else
      rm -rf '$commit.part'; mkdir '$commit.part'; tar -x -C '$commit.part'; mv -T '$commit.part' '$commit'; fi
    touch '$commit'; ln -sfn 'versions/$commit' ../next; mv -T ../next ../current
    ls -1t | tail -n +11 | xargs -r rm -rf"
}

remote() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  printf '%s\n' "${SSH_KNOWN_HOSTS:?the line of ssh-keyscan for the host, compared with the host itself}" >"$scratch/hosts"
  if [ -z "${SSH_KEY_FILE:-}" ]; then
    (umask 077 && printf '%s\n' "${SSH_KEY:?a private key, or SSH_KEY_FILE, a file of one}" >"$scratch/key")
  fi
  ssh -i "${SSH_KEY_FILE:-$scratch/key}" -o BatchMode=yes -o StrictHostKeyChecking=yes \
    -o UserKnownHostsFile="$scratch/hosts" "${DEPLOY_HOST:?user@host}" "$1"
}

"$@"
