"""Node, for what can be tested of the page without a browser."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def node() -> str:
    """The program; the test is skipped without one."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("NO NODE IS HERE: the page's own code is not tested (apt install nodejs)")
    return program


def run(script: str, given: Any) -> Any:
    """What the module of this name here prints as JSON when it is given this as JSON."""
    done = subprocess.run(
        [node(), str(HERE / script)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
