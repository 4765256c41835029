"""Measures edgefuse against other engines on the same weights, recordings and threads.

    python scripts/bench_peers.py setup                     build/bench-venv with the other engines (about 3 GB)
    python scripts/bench_peers.py whisper --model tiny.en   times, ratios, word errors, memory

`whisper` writes docs/benchmarks/whisper.json, whisper.md and whisper.svg, and prints the table, or with --json the results.
With --quick, or with only a part of the workloads or engines, it writes to build/bench instead. Progress is on standard
error. The environment variables BENCH_ENVIRONMENT and BENCH_WORK name other places than build/bench-venv and build/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from bench import chart, paths, report, store
from bench.environment import setup
from bench.errors import BenchError
from bench.variants import CLIP, COLD, LONG, WORKLOADS

REPEATS = {CLIP: 5, COLD: 3, LONG: 2}
QUICK = {CLIP: 1, COLD: 1}


def main() -> int:
    args = _arguments()
    if args.command == "setup":
        setup()
        return 0
    _enter_environment()
    _whisper(args)
    return 0


def _whisper(args: argparse.Namespace) -> None:
    from bench.whisper import section  # needs what only the environment has

    quick = args.quick
    workloads = list(QUICK) if quick else args.workloads or list(WORKLOADS)
    repeats = QUICK if quick else {name: args.repeats or count for name, count in REPEATS.items()}
    partial = quick or args.only or set(workloads) != set(WORKLOADS)
    folder = args.output or (paths.WORK if partial else paths.RESULTS)
    results = store.read(folder / "whisper.json")
    for model in args.model or ["tiny.en"]:
        results["models"][model] = section(
            model, args.edgefuse, args.threads, workloads, repeats, args.only or [], args.fallback
        )
        store.write(folder / "whisper.json", results)
    store.write_text(folder / "whisper.md", report.page(results))
    store.write_text(folder / "whisper.svg", chart.chart(results["models"]))
    if args.update_readme:
        readme = paths.README.read_text(encoding="utf-8")
        store.write_text(paths.README, report.replace_section(readme, report.readme_section(results)))
    if args.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        print("\n\n".join(report.table(found) for found in results["models"].values()))
    print(f"bench: written to {paths.shown(folder)}", file=sys.stderr)


def _enter_environment() -> None:
    """Goes on in the benchmark's own Python, where the engines are."""
    if Path(sys.prefix) == paths.ENVIRONMENT:
        return
    if not paths.PYTHON.exists():
        raise BenchError(f"{paths.shown(paths.ENVIRONMENT)} is not there; run `python scripts/bench_peers.py setup`")
    os.execv(paths.PYTHON, [str(paths.PYTHON), os.path.abspath(__file__), *sys.argv[1:]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="make or update the environment with the other engines")
    whisper = commands.add_parser("whisper", help="run the benchmark")
    whisper.add_argument("--model", action="append", metavar="SIZE", help="tiny.en or base, again for more (tiny.en)")
    whisper.add_argument("--threads", type=_count, default=2, help="for every engine (2)")
    whisper.add_argument("--workloads", type=_workloads, metavar="LIST", help=f"of {','.join(WORKLOADS)}")
    whisper.add_argument("--only", action="append", metavar="PART", help="only variants with this in their name")
    whisper.add_argument("--repeats", type=_count, help="times of each measurement, instead of the usual ones")
    whisper.add_argument("--quick", action="store_true", help="the clip and a cold start, once each")
    whisper.add_argument(
        "--no-fallback",
        dest="fallback",
        action="store_false",
        help="temperature 0 only, for every engine that falls back",
    )
    whisper.add_argument("--edgefuse", type=Path, default=paths.BINARY, metavar="FILE", help="the program to measure")
    whisper.add_argument("--output", type=Path, metavar="FOLDER", help="where to write the results")
    whisper.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    whisper.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser.parse_args()


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted 1 or more")
    return count


def _workloads(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: wanted some of {','.join(WORKLOADS)}")
    return names


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        print("\nbench: interrupted; nothing was written for this model", file=sys.stderr)
        sys.exit(130)
