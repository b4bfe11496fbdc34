"""Registry: images out of a container registry (OCI distribution specification)."""
