"""Where an image comes from or goes to besides a bucket: Docker, OCI layouts, archives."""
