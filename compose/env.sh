#!/bin/bash
# Write what docker-compose.yaml needs into .env beside it. What stands there already stays as it is, the Fernet key
# above all: it decrypts the connections in the database.
#
#   bash compose/env.sh [mail] [celery] [s3]
#
#   mail     start Mailpit too, and send all mail to it
#   celery   run tasks in workers of their own, with Redis
#   s3       keep reports and releases in an object store
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ " $* " == *" --help "* || " $* " == *" -h "* ]]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0"
  exit
fi
for profile; do
  if [[ ! $profile =~ ^(mail|celery|s3)$ ]]; then
    echo "There is no profile '$profile'. Expected mail, celery or s3." >&2
    exit 2
  fi
done

file=${ENV_FILE:-.env}
umask 077
touch "$file"
chmod 600 "$file"
[[ -z $(tail -c 1 "$file") ]] || echo >> "$file"  # the last line has an end

random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

add() { # NAME VALUE: unless the name has a line
  if grep --quiet --extended-regexp "^(export )?$1=" "$file"; then
    echo "kept   $1"
  else
    echo "$1=$2" >> "$file"
    echo "wrote  $1"
  fi
}

add AIRFLOW_FERNET_KEY "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
add AIRFLOW_JWT_SECRET "$(random 32)"
add AIRFLOW_API_SECRET_KEY "$(random 32)"
add POSTGRES_PASSWORD "$(random 16)"
add REDIS_PASSWORD "$(random 16)"
add OBJECT_STORE_KEY "$(random 20)"
add AIRFLOW_ADMIN_PASSWORD "$(random 8)"
if (($#)); then
  add COMPOSE_PROFILES "$(IFS=,; echo "$*")"
fi
if [[ " $* " == *" celery "* ]]; then
  add AIRFLOW_EXECUTOR CeleryExecutor
fi
if [[ " $* " == *" s3 "* ]]; then
  key=$(sed -n -E 's/^(export )?OBJECT_STORE_KEY=//p' "$file" | tail -n 1)
  add AIRFLOW_CONN_STORE "'{\"conn_type\": \"aws\", \"login\": \"daybreak\", \"password\": \"$key\", \"extra\": {\"region_name\": \"us-east-1\", \"endpoint_url\": \"http://object-store:9000\"}}'"
  add DAYBREAK_ARCHIVE s3://store@daybreak/reports
  add DAYBREAK_RELEASE_STORE s3://store@daybreak/releases
fi
if [[ " $* " == *" mail "* ]]; then
  add AIRFLOW_CONN_SMTP_DEFAULT "'{\"conn_type\": \"smtp\", \"host\": \"mailpit\", \"port\": 1025, \"extra\": {\"disable_ssl\": true, \"disable_tls\": true, \"from_email\": \"reports@example.org\", \"default_recipients\": [\"you@example.org\"]}}'"
fi
if ! grep --quiet --extended-regexp '^(export )?AIRFLOW_CONN_SMTP_DEFAULT=' "$file"; then
  echo "Mail is not configured: set AIRFLOW_CONN_SMTP_DEFAULT in $file (docs/compose.md shows how)."
fi
echo "Keep $file, and a copy of it elsewhere."
