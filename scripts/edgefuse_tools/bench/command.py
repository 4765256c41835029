"""Measures edgefuse against other engines on the same weights, recordings and threads.

    python scripts/bench.py setup                     installs the other engines in build/bench-venv (about 3 GB)
    python scripts/bench.py whisper --model tiny.en   times, ratios, word errors, memory
    python scripts/bench.py blip                      times, ratios, memory (`peers whisper` and `peers blip` are the same)
    python scripts/bench.py serve --json              requests per second, latencies, memory of `edgefuse serve`
    python scripts/bench.py live --json               latencies of cameras and microphones, and their cost
    python scripts/bench.py scale --json              bare processes, Ray Data and Spark on the same records
    python scripts/bench.py llm --json                the language model beside llama.cpp, which it builds on the first run
    python scripts/bench.py search --json             searches by vectors, beside usearch and sqlite-vec

`whisper` writes docs/benchmarks/whisper.json, whisper.md and whisper.svg, and prints the table, or the results with
--json; `blip` and `serve` likewise. BLIP's random weights are created on the first run: 5 GB in build/bench, and as much memory.
With --quick, or with only some of the workloads or engines, output goes to build/bench instead. Progress goes to
standard error. The environment variables BENCH_ENVIRONMENT and BENCH_WORK replace build/bench-venv and build/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import blip_report, blip_variants, chart, paths, report, store
from edgefuse_tools.bench.environment import set_up_llm, set_up_search, setup
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.serving import payloads
from edgefuse_tools.bench.serving import report as serve_report
from edgefuse_tools.bench.variants import CLIP, COLD, LONG, WORKLOADS
from edgefuse_tools.scale.options import add_options as add_scale_options

REPEATS = {CLIP: 5, COLD: 3, LONG: 2}
QUICK = {CLIP: 1, COLD: 1}
BLIP_REPEATS = 5
SERVE_SECONDS = 20.0
CEILING_SECONDS = 3.0


def main() -> int:
    args = _arguments()
    try:
        if args.command == "setup":
            setup()
        else:
            _enter_environment(args.command)
            commands = {
                "whisper": _whisper,
                "blip": _blip,
                "serve": _serve,
                "live": _live,
                "llm": _llm,
                "search": _search,
                "scale": _scale,
            }
            commands[args.command](args)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: interrupted; nothing was written for this model", file=sys.stderr)
        return 130
    return 0


def _blip(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench.blip import section  # needs packages of the environment

    workloads = args.workloads or list(blip_variants.WORKLOADS)
    partial = args.quick or args.only or set(workloads) != set(blip_variants.WORKLOADS)
    folder = args.output or (paths.WORK if partial else paths.RESULTS)
    results = store.read(folder / "blip.json")
    repeats = args.repeats or (1 if args.quick else BLIP_REPEATS)
    results["models"]["base"] = section(args.edgefuse, args.threads, workloads, repeats, args.only or [])
    store.write(folder / "blip.json", results)
    store.write_text(folder / "blip.md", blip_report.page(results))
    store.write_text(folder / "blip.svg", chart.chart(results["models"], blip_variants.TITLES))
    if args.update_readme:
        readme, text = paths.README.read_text(encoding="utf-8"), blip_report.readme_section(results)
        store.write_text(paths.README, report.replace_section(readme, text, blip_report.BEGIN, blip_report.END))
    _print(args, results, blip_report.table, folder)


def _whisper(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench.whisper import section  # needs packages of the environment

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
    _print(args, results, report.table, folder)


def _serve(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench.serving import measure  # needs packages of the environment

    workloads = args.workloads or list(payloads.WORKLOADS)
    clients = args.clients or ([1, 4] if args.quick else list(measure.CLIENTS))
    seconds = args.seconds or (5.0 if args.quick else SERVE_SECONDS)
    folder = args.output or (paths.WORK if args.quick or args.only or args.clients or args.seconds else paths.RESULTS)
    results = store.read(folder / "serve.json")
    for workload in workloads:
        found = measure.section(workload, args.edgefuse, args.threads, clients, seconds, args.only or [])
        found["client_ceiling"] = measure.ceiling(payloads.COMPARED, CEILING_SECONDS)
        results["models"][workload] = found
        store.write(folder / "serve.json", results)
        store.write_text(folder / "serve.md", serve_report.page(results))
    _print(args, results, serve_report.table, folder)


def _live(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench import live  # needs packages of the environment

    folder = args.output or (paths.WORK if args.quick else paths.RESULTS)
    rounds, minutes = (1, 0.5) if args.quick else (args.rounds, args.minutes)
    found = live.section(args.edgefuse.absolute(), args.threads, rounds, minutes)
    store.write(folder / "live.json", found)
    store.write_text(folder / "live.md", live.page(found))
    print(json.dumps(found, ensure_ascii=False) if args.json else live.page(found))
    print(f"bench: written to {paths.shown(folder)}", file=sys.stderr)


def _scale(args: argparse.Namespace) -> None:
    from edgefuse_tools.scale.command import run  # needs packages of the environment

    found = run(args)
    print(json.dumps(found, ensure_ascii=False) if args.json else json.dumps(found, ensure_ascii=False, indent=2))


def _llm(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench.llm import measure  # needs packages of the environment
    from edgefuse_tools.bench.llm import report as llm_report

    folder = args.output or (paths.WORK if args.quick else paths.RESULTS)
    found = measure.section(args.edgefuse.absolute(), args.threads, 1 if args.quick else args.rounds)
    store.write(folder / "llm.json", found)
    store.write_text(folder / "llm.md", llm_report.page(found))
    print(json.dumps(found, ensure_ascii=False) if args.json else llm_report.page(found))
    print(f"bench: written to {paths.shown(folder)}", file=sys.stderr)


def _search(args: argparse.Namespace) -> None:
    from edgefuse_tools.bench.search import measure, report  # needs packages of the environment

    counts = args.counts or ([20_000] if args.quick else [100_000, 1_000_000])
    partial = args.quick or args.counts or args.only
    folder = args.output or (paths.WORK if partial else paths.RESULTS)
    queries = 20 if args.quick else args.queries
    found = measure.section(counts, queries, args.threads, args.example, args.only or [])
    store.write(folder / "search.json", found)
    store.write_text(folder / "search.md", report.page(found))
    print(json.dumps(found) if args.json else report.table(found))
    print(f"bench: written to {paths.shown(folder)}", file=sys.stderr)


def _print(
    args: argparse.Namespace, results: dict[str, Any], table: Callable[[dict[str, Any]], str], folder: Path
) -> None:
    if args.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        print("\n\n".join(table(found) for found in results["models"].values()))
    print(f"bench: written to {paths.shown(folder)}", file=sys.stderr)


def _enter_environment(command: str) -> None:
    """Continues in the Python that has the engines, the MQTT client, or the package `edgefuse`."""
    environment, set_up = paths.ENVIRONMENT, "python scripts/bench.py setup"
    if command == "live":
        environment, set_up = paths.LIVE_ENVIRONMENT, "scripts/test_live.sh"
    if command == "scale":
        environment, set_up = paths.SCALE_ENVIRONMENT, "scripts/test_scale.sh"
    own = {"llm": (paths.LLM_ENVIRONMENT, set_up_llm), "search": (paths.SEARCH_ENVIRONMENT, set_up_search)}
    environment, create = own.get(command, (environment, None))
    if Path(sys.prefix) == environment:
        return
    if create is not None:
        create()
    python = environment / "bin" / "python"
    if not python.exists():
        raise BenchError(f"{paths.shown(environment)} is missing; run `{set_up}`")
    os.execv(python, [str(python), str(paths.SCRIPTS / "bench.py"), *sys.argv[1:]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="create or update the environment with the other engines")
    whisper = commands.add_parser("whisper", help="run the Whisper benchmark")
    whisper.add_argument(
        "--model", action="append", metavar="SIZE", help="tiny.en or base; repeat for more (default: tiny.en)"
    )
    whisper.add_argument(
        "--no-fallback",
        dest="fallback",
        action="store_false",
        help="temperature 0 only, also for engines with temperature fallback",
    )
    _add_common(whisper, WORKLOADS, "run the clip and a cold start, once each")
    blip = commands.add_parser("blip", help="run the BLIP benchmark")
    _add_common(blip, blip_variants.WORKLOADS, "run everything once")
    serve = commands.add_parser("serve", help="measure `edgefuse serve` beside other servers")
    serve.add_argument(
        "--clients", type=_counts, metavar="LIST", help="numbers of clients, comma-separated (default: 1,4,16,64)"
    )
    serve.add_argument("--seconds", type=float, metavar="N", help=f"of each measurement (default: {SERVE_SECONDS:.0f})")
    _add_options(serve, payloads.WORKLOADS, "1 and 4 clients, for 5 s each")
    live = commands.add_parser("live", help="measure sources: from the word or picture to the result")
    live.add_argument("--rounds", type=_count, default=4, help="times that each recording is played (default: 4)")
    live.add_argument("--minutes", type=float, default=30.0, help="of the quiet room (default: 30)")
    live.add_argument("--threads", type=_count, default=2, help="threads of the engine (default: 2)")
    live.add_argument("--quick", action="store_true", help="each recording once, and half a minute of the quiet room")
    live.add_argument("--edgefuse", type=Path, default=paths.BINARY, metavar="FILE", help="the program to measure")
    live.add_argument("--output", type=Path, metavar="FOLDER", help="where to write the results")
    live.add_argument("--json", action="store_true", help="print the results as JSON")
    scale = commands.add_parser("scale", help="measure bare processes, Ray Data and Spark on the same records")
    add_scale_options(scale)
    llm = commands.add_parser("llm", help="measure the language model beside llama.cpp")
    llm.add_argument("--rounds", type=_count, default=5, help="fresh processes of each engine, in turn (default: 5)")
    llm.add_argument("--threads", type=_count, default=2, help="threads of both engines (default: 2)")
    llm.add_argument("--quick", action="store_true", help="one round; the page goes to build/bench")
    llm.add_argument("--edgefuse", type=Path, default=paths.BINARY, metavar="FILE", help="the program to measure")
    llm.add_argument("--output", type=Path, metavar="FOLDER", help="where to write the results")
    llm.add_argument("--json", action="store_true", help="print the results as JSON")
    search = commands.add_parser("search", help="measure searches by vectors beside usearch and sqlite-vec")
    search.add_argument(
        "--counts", type=_counts, metavar="LIST", help="numbers of vectors, comma-separated (default: 100000,1000000)"
    )
    search.add_argument("--queries", type=_count, default=100, help="queries of each program (default: 100)")
    search.add_argument("--threads", type=_count, default=2, help="threads of a query (default: 2)")
    search.add_argument("--only", action="append", metavar="PART", help="only programs whose name contains PART")
    search.add_argument("--quick", action="store_true", help="20 queries over 20000 vectors")
    search.add_argument(
        "--example", type=Path, default=paths.SEARCH_EXAMPLE, metavar="FILE", help="the program examples/search.rs"
    )
    search.add_argument("--output", type=Path, metavar="FOLDER", help="where to write the results")
    search.add_argument("--json", action="store_true", help="print the results as JSON")
    words = sys.argv[1:]
    return parser.parse_args(words[1:] if words[:1] == ["peers"] else words)


def _add_common(command: argparse.ArgumentParser, workloads: Sequence[str], quick: str) -> None:
    """Options of the benchmarks that repeat a piece of work."""
    _add_options(command, workloads, quick)
    command.add_argument("--repeats", type=_count, help="runs of each measurement, instead of the defaults")
    command.add_argument("--update-readme", action="store_true", help="write the table into README.md")


def _add_options(command: argparse.ArgumentParser, workloads: Sequence[str], quick: str) -> None:
    """Options that all benchmarks share; `workloads` are those of this one."""
    names = ",".join(workloads)
    command.add_argument("--threads", type=_count, default=2, help="threads of every engine (default: 2)")
    command.add_argument(
        "--workloads", type=partial(_workloads, known=workloads), metavar="LIST", help=f"comma-separated, of {names}"
    )
    command.add_argument(
        "--only", action="append", metavar="PART", help="only variants whose name contains PART; repeat for more"
    )
    command.add_argument("--quick", action="store_true", help=quick)
    command.add_argument("--edgefuse", type=Path, default=paths.BINARY, metavar="FILE", help="the program to measure")
    command.add_argument("--output", type=Path, metavar="FOLDER", help="where to write the results")
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return count


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _workloads(text: str, known: Sequence[str]) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: expected some of {','.join(known)}")
    return names
