"""S3 over awscrt's client: through proxies, and where it is asked for."""
