"""What `web-editor = "off"` promises: over HTTP nothing in models.conf is changed, and no other flags are tried."""

from paddock.config.settings import Settings
from paddock.errors import Forbidden

OFF = 'web-editor = "off" in paddock.toml'


def must_be_editable(settings: Settings, what: str) -> None:
    """Raise Forbidden where it says so; `what` would have been done: "a profile would be added"."""
    if settings.web_editor == "off":
        raise Forbidden(
            f"{what} over HTTP: {OFF}",
            hint='"limited" lets those who manage change models and flags, and no programs or other files',
        )
