"""The plugin, found by its entry point."""
