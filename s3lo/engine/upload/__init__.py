"""Upload: what it takes to bring blobs into a store, request by request; no bytes move here."""
