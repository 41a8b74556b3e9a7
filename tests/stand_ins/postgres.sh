#!/bin/bash
# Make the database at the first start, as the official image does, then serve it.
set -euo pipefail
POSTGRES_PASSWORD=$(< "$POSTGRES_PASSWORD_FILE")
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  initdb --encoding UTF8 --username "$POSTGRES_USER" --pwfile <(echo "$POSTGRES_PASSWORD") --auth scram-sha-256 >/dev/null
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait --options "-c listen_addresses=''" start >/dev/null
  PGPASSWORD=$POSTGRES_PASSWORD createdb --host /var/run/postgresql --username "$POSTGRES_USER" "$POSTGRES_DB" 2>/dev/null || true
  pg_ctl --wait stop >/dev/null
fi
exec postgres -c listen_addresses='*'
