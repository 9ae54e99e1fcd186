"""A hub on loopback for each test, and nothing of the user's: no token, no cache, no proxies, no real hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.fake_hub import FakeHub, fake_hub
from tests.hub.stage import Stage

pytest.importorskip("huggingface_hub")

SIZE = 700_001  # bytes: some pieces, and not a whole number of them


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")  # nobody listens there
    monkeypatch.setattr("paddock.hub.large_body.LARGE", 100_000)  # the tests' files are small


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        yield hub


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Bytes that no two pieces share."""
    path = tmp_path / "weights"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(SIZE // 4 + 1))[:SIZE])
    return path


@pytest.fixture
def stage(fake: FakeHub, weights: Path, tmp_path: Path) -> Stage:
    fake.add("acme/Parrot-GGUF", {"Parrot-Q4_K_M.gguf": weights})
    return Stage(fake, tmp_path / "top")
