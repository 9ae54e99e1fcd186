import pytest

from tests.config.stables import Yard


@pytest.fixture
def yard(tmp_path):
    return Yard(tmp_path)
