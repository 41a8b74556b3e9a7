# What apache/airflow's image is to our Dockerfile, for machines that reach no image registry.
FROM python:3.12-slim
ARG AIRFLOW_VERSION
ENV AIRFLOW_VERSION=${AIRFLOW_VERSION} AIRFLOW_HOME=/opt/airflow PATH=/home/airflow/.local/bin:${PATH}
RUN useradd --uid 50000 --gid 0 --create-home airflow \
    && mkdir -m 0775 /opt/airflow && chown airflow:0 /opt/airflow
USER airflow
RUN python3 -m venv /home/airflow/.local \
    && pip install --quiet --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}"
WORKDIR /opt/airflow
