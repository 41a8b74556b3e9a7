"""The operators of Daybreak."""
