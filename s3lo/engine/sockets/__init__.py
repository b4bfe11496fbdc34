"""S3 over sockets of our own: the wire for small requests, and the backend that moves ranges."""
