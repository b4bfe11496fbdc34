"""What lies where in a store, and the stores themselves: an S3 bucket or a local directory."""
