"""`paddock start`: be sure that a daemon runs in the background."""

from __future__ import annotations

from paddock.cli.options import (
    Config,
    EngineName,
    Insecure,
    Key,
    Listen,
    ModelsDir,
    SettingsFile,
    StateDir,
)

EXAMPLE = "Example: paddock start --config ~/models/models.conf"


def start(
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    listen: Listen = None,
    state_dir: StateDir = None,
    engine: EngineName = None,
    insecure: Insecure = False,
    key: Key = None,
) -> None:
    """Start the daemon in the background.

    Waits until it answers, and shows the end of its log if it does not. One that runs already is left alone.
    """
    from paddock.cli.background.start import Order, ensure_running

    order = Order(
        config=config,
        settings=settings,
        models_dir=models_dir,
        state_dir=state_dir,
        listen=listen,
        engine=engine,
        insecure=insecure,
        key=key,
    )
    print(ensure_running(order))
