"""What a stable of many machines costs and gains.

    python bench/cluster.py [--only policy] [--only relay] [--talks 8000] [--rounds 5] [--json]

`policy` needs no other machine: a day of traffic over 50 nodes and 300 models is simulated under several
rules and set against what no choice could be better than; and decisions are timed (processor time of the thread).
`relay` runs a node and a front here (after `make bench-relay`, which compiles its load generator; see cluster_relay.py).
"""

import argparse
import json
from collections.abc import Callable, Mapping

import cluster_policy
import cluster_relay
from rig import Numbers

Rows = Mapping[str, Numbers]


def policy(args: argparse.Namespace) -> dict[str, Rows]:
    return {
        "a day under each rule": cluster_policy.measured(talks=args.talks),
        "one decision": cluster_policy.decisions(),
    }


def relay(args: argparse.Namespace) -> dict[str, Rows]:
    return cluster_relay.tables(rounds=args.rounds)


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Rows]]] = {
    "policy": policy,
    "relay": relay,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be repeated")
    parser.add_argument(
        "--talks", type=int, default=cluster_policy.TALKS, help="of the day: 5.5 turns each"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of the relay")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {name: PARTS[name](args) for name in args.only or PARTS}
    if args.json:
        print(json.dumps(found, indent=1))
        return
    for tables in found.values():
        for title, rows in tables.items():
            print(f"\n{title}\n\n{_table(rows)}")


def _table(rows: Rows) -> str:
    """A Markdown table; a column for every figure that any row has."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, row in rows.items():
        cells = (f"{row[column]:,.2f}" if column in row else "" for column in columns)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
