"""The daily chain on this machine: a private Airflow, a mail catcher, and a run of today and the days before."""
