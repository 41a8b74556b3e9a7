#!/bin/bash
# Back up the stack that runs: database, reports with the ledger of what was mailed, and stored releases.
#
#   bash compose/backup.sh FOLDER
#
# The database comes first: what is mailed meanwhile is then in the ledger though not in the database, and a restored
# stack mails it no second time. The .env is not in it: keep that elsewhere.
set -euo pipefail
folder=${1:?"expected a folder: bash compose/backup.sh FOLDER"}
folder=$(realpath --canonicalize-missing "$folder")
cd "$(dirname "$0")/.."

umask 077
mkdir -p "$folder"
if [[ -e $folder/COMPLETE ]]; then
  echo "There is a backup in $folder already. Name another folder." >&2
  exit 1
fi
echo "Database …"
docker compose exec --no-TTY postgres sh -c \
  'PGPASSWORD=$(cat /run/secrets/postgres_password) pg_dump --username airflow --format custom airflow' > "$folder/database.dump"
echo "Reports, ledger and releases …"
if [[ " $(docker compose config --services | tr '\n' ' ') " == *" object-store "* ]]; then
  save=(python -c "$(< compose/objects.py)" save)
else
  save=(tar --create --gzip --directory /opt/airflow/daybreak reports store)
fi
docker compose exec --no-TTY airflow-scheduler "${save[@]}" > "$folder/files.tar.gz"
(cd "$folder" && sha256sum database.dump files.tar.gz) > "$folder/COMPLETE.part"
mv "$folder/COMPLETE.part" "$folder/COMPLETE"
echo "Backed up to $folder: $(du --summarize --human-readable "$folder" | cut -f1)"
