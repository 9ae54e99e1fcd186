"""The daemon's default address. Cheap to import, unlike the client."""

DEFAULT_URL = "http://127.0.0.1:8080"
