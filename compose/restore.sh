#!/bin/bash
# Restore a backup into a stack that has no data yet, and leave it stopped.
#
#   bash compose/restore.sh FOLDER
#
# It wants the .env of the backed up stack: its Fernet key decrypts the connections. Its profiles may be others: reports that
# were on volumes go into the object store of the profile s3, and the other way round.
set -euo pipefail
folder=${1:?"expected a folder: bash compose/restore.sh FOLDER"}
folder=$(realpath "$folder")
cd "$(dirname "$0")/.."

if [[ ! -e $folder/COMPLETE ]]; then
  echo "$folder holds no backup that came to its end: it has no file COMPLETE." >&2
  exit 1
fi
(cd "$folder" && sha256sum --quiet --check COMPLETE)
if [[ -n $(docker compose ps --quiet) ]]; then
  echo "The stack runs. Stop it: docker compose down" >&2
  exit 1
fi
database() { docker compose exec --no-TTY postgres sh -c "PGPASSWORD=\$(cat /run/secrets/postgres_password) $1"; }

services=(postgres)
restore=(--entrypoint tar airflow-scheduler --extract --gzip --directory /opt/airflow/daybreak)
if [[ " $(docker compose config --services | tr '\n' ' ') " == *" object-store "* ]]; then
  services+=(object-store)
  restore=(--entrypoint python airflow-scheduler -c "$(< compose/objects.py)" restore)
fi
docker compose up --detach --wait "${services[@]}"
if [[ -n $(database "psql --username airflow --tuples-only --no-align --command '\dt' airflow" 2>/dev/null) ]]; then
  docker compose down
  echo "The database has data. Remove it first, if it is to be replaced: docker compose down --volumes" >&2
  exit 1
fi
echo "Database …"
database "pg_restore --username airflow --dbname airflow --no-owner --exit-on-error" < "$folder/database.dump"
echo "Reports, ledger and releases …"
docker compose run --rm --no-TTY --no-deps "${restore[@]}" < "$folder/files.tar.gz"
docker compose down
echo "Restored. Start it: docker compose up --build --detach --wait"
