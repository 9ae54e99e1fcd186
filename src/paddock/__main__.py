"""The program `paddock`, and `python -m paddock`. Ctrl-C ends it silently from the first import on."""

import sys


def main() -> None:
    """As `paddock.cli.main.run`, whose imports take most of a start's time."""
    try:
        from paddock.cli.main import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
