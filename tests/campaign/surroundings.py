"""What happens around the daemon: disks, descriptors, files, a GPU, clients. One function a fault."""

import asyncio
import os
import random
import resource
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.campaign.ground import GPU_MIB, SAYS, Ground

Fault = Callable[[Ground, random.Random], Awaitable[None]]


async def fill_the_disk(ground: Ground, rng: random.Random) -> None:
    await _fill(ground.disk, rng)


async def fill_the_ram_disk(ground: Ground, rng: random.Random) -> None:
    """Where contexts are kept."""
    await _fill(ground.ram, rng)


async def _fill(disk: Path | None, rng: random.Random) -> None:
    if disk is None:
        return
    with (disk / "full-1").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 65536):
            pass
    await asyncio.sleep(rng.uniform(0.2, 1.5))
    (disk / "full-1").unlink()


async def few_descriptors(ground: Ground, rng: random.Random) -> None:
    with suppress(ProcessLookupError):
        _, hard = resource.prlimit(ground.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(ground.pid, resource.RLIMIT_NOFILE, (rng.choice([12, 20, 40]), hard))
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        resource.prlimit(ground.pid, resource.RLIMIT_NOFILE, (hard, hard))


async def break_the_configuration(ground: Ground, rng: random.Random) -> None:
    conf = ground.paths.config
    match rng.randrange(4):
        case 0:
            ground.write_conf("[alpha\nno such thing")
        case 1:
            conf.unlink()
        case 2:
            conf.unlink()
            conf.symlink_to(conf)
        case _:
            ground.write_conf("[alpha]\nmodel = alpha.gguf\nctx-size = 512\nthreads = 1\n")
    await asyncio.sleep(rng.uniform(0, 0.5))
    if conf.is_symlink():
        conf.unlink()
    ground.write_conf(ground.conf)


async def break_a_model_file(ground: Ground, rng: random.Random) -> None:
    """It is cut off, or no GGUF at all, or gone for a moment; then it is as it was, with another date."""
    file = ground.paths.models_dir / f"{rng.choice(list(SAYS))}.gguf"
    whole = shutil.copy(file, file.with_suffix(".whole"))
    match rng.randrange(3):
        case 0:
            broken = Path(shutil.copy(file, file.with_suffix(".broken")))
            os.truncate(broken, broken.stat().st_size // 2)
            broken.replace(file)  # who maps the old one goes on with that
        case 1:
            file.with_suffix(".broken").write_bytes(b"no model" * 100)
            file.with_suffix(".broken").replace(file)
        case _:
            file.unlink()
    await asyncio.sleep(rng.uniform(0, 0.5))
    Path(whole).replace(file)


async def send_half_a_request(ground: Ground, rng: random.Random) -> None:
    """And go on holding the connection, for a moment."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le"
    if rng.random() < 0.5:
        head += b'ngth: 100000\r\n\r\n{"model": "alpha", "mess'
    await _sent(ground, head, rng.uniform(0, 0.3))


async def stop_reading(ground: Ground, rng: random.Random) -> None:
    """Ask for a long reply, take nothing of it, and go."""
    body = b'{"model": "endless", "prompt": "hi", "stream": true, "max_tokens": 4000}'
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    await _sent(ground, head % len(body) + body, rng.uniform(0.5, 2))


async def _sent(ground: Ground, data: bytes, seconds: float) -> None:
    host, port = ground.url.removeprefix("http://").split(":")
    with suppress(OSError):
        _reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(data)
        await asyncio.sleep(seconds)
        writer.close()


async def change_the_gpu(ground: Ground, rng: random.Random) -> None:
    """It goes, with what lies on it, and comes back with more memory, with less, or as it was."""
    if ground.devices:
        mib = rng.choice([GPU_MIB // 4, GPU_MIB, 2 * GPU_MIB])
        await asyncio.to_thread(ground.devices.resize, 0, mib)


SURROUNDINGS = (
    fill_the_disk,
    fill_the_ram_disk,
    few_descriptors,
    break_the_configuration,
    break_a_model_file,
    send_half_a_request,
    stop_reading,
    change_the_gpu,
)
