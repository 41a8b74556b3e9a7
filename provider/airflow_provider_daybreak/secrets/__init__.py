"""Secrets backends of Daybreak."""
