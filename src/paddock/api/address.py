"""Where a daemon is looked for when nobody says where. Cheap to import, unlike the client."""

DEFAULT_URL = "http://127.0.0.1:8080"
