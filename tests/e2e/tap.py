"""A wire-tap: `tap.py RECORD COMMAND… --host SOCKET …` runs COMMAND behind a socket of its own.

Everything that is sent to SOCKET is handed on to the real server and written to RECORD. The
server's standard streams are ours, so its state lines reach whoever started us.
"""

import asyncio
import sys
from pathlib import Path


async def main(record: Path, argv: list[str]) -> int:
    at = argv.index("--host") + 1
    outer, inner = argv[at], argv[at].removesuffix(".sock") + "-tapped.sock"
    argv[at] = inner
    with record.open("ab", buffering=0) as log:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there_reader, there_writer = await asyncio.open_unix_connection(inner)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, there_writer, log.write))
                group.create_task(_pump(there_reader, writer, len))

        async with await asyncio.start_unix_server(serve, outer):
            process = await asyncio.create_subprocess_exec(*argv)
            return await process.wait()


async def _pump(reader, writer, note):
    try:
        while data := await reader.read(1 << 16):
            note(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2:])))
