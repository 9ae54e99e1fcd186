"""A campaign of random faults against a real daemon, for as long as you like.

    python tools/campaign.py --faults 500 [--minutes 60] [--seed 7] [--keep FOLDER]

Kills of servers and of the daemon, also while contexts are saved and GPUs are yielded, hangs, a full
disk, a full /dev/shm, few descriptors, broken configuration and model files, a GPU that goes and comes
back larger or smaller, floods of log lines, hang-ups, orders of people, under the traffic of six
clients. It fails on an orphan, a leaked lease, a request without an answer or a cause, another model's
answer, memory or descriptors that grow, files left behind, any traceback.
"""

import argparse
import asyncio
import math
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.campaign.campaign import Report, campaign


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so many")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument(
        "--keep", type=Path, help="a new folder for everything, to look at afterwards"
    )
    parser.add_argument("--go-on", action="store_true", help="over violations, to the last fault")
    parser.add_argument("--quiet", action="store_true", help="no line for each fault")
    options = parser.parse_args()
    tell = (lambda _: None) if options.quiet else lambda line: print(line, flush=True)
    with tempfile.TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True) as folder:
        root = options.keep or Path(folder) / "c"
        report = asyncio.run(
            campaign(
                root, seed=options.seed, faults=options.faults, seconds=options.minutes * 60,
                go_on=options.go_on, tell=tell,
            )
        )  # fmt: skip
    show(report)
    return 1 if report.violations else 0


def show(report: Report) -> None:
    print(
        f"\nseed {report.seed}: {report.faults.total()} faults, {report.requests.total()} requests,"
    )
    print(f"{report.instances} instances, {report.generations} daemons, {report.seconds:.0f} s")
    for title, counts in (("faults", report.faults), ("ends of requests", report.requests)):
        print(f"\n{title}")
        for name, count in counts.most_common():
            print(f"  {count:6} {name}")
    print(f"\n{len(report.violations)} violations")
    for violation in report.violations:
        print(f"  {violation}")


if __name__ == "__main__":
    sys.exit(main())
