"""Dag bundles of Daybreak."""
