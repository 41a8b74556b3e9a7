# Airflow with Daybreak in it. Build it with: docker compose build
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2

FROM ${AIRFLOW_IMAGE} AS wheel
COPY --chown=airflow:0 . /tmp/daybreak
RUN pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /tmp/wheels /tmp/daybreak

FROM ${AIRFLOW_IMAGE}
# What the official image has already, as it has the Amazon provider for s3, pip leaves as it is.
ARG EXTRAS=s3,sql,xlsx
COPY --from=wheel --chown=airflow:0 /tmp/wheels /tmp/wheels
# Naming Airflow at its own version keeps pip from moving it.
RUN pip install --quiet --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "$(echo /tmp/wheels/*.whl)[${EXTRAS}]" \
    && pip check \
    && mkdir -p -m 0775 /opt/airflow/daybreak/index /opt/airflow/daybreak/reports /opt/airflow/daybreak/releases /opt/airflow/daybreak/store
