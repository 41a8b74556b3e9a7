"""A script's run: its copy of the release, its privileges and limits, what it wrote."""
