"""The `bench` command: exported models and photos, timed on this machine."""
