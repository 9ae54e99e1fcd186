"""`python -m paddock` is `paddock`."""

from paddock.cli.main import run

run()
