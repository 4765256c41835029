"""Sets the repository up for running edgefuse. Run it again at any time: finished steps are skipped.

scripts/setup.sh                  Python packages, ONNX Runtime, Whisper tiny.en, Silero VAD, SmolLM2, encoders of
                                  pictures and sentences
scripts/setup.sh whisper-base     also the multilingual Whisper base
scripts/setup.sh test             also the requirements of scripts/test.sh
scripts/setup.sh aarch64          also ONNX Runtime for aarch64 boards, for bundles and tests
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from edgefuse_tools.setup import encoders, environment, llm, paths, runtime, vad, whisper
from edgefuse_tools.setup.artifacts import OLDEST_ONNX_RUNTIME, ONNX_RUNTIME, WHISPER
from edgefuse_tools.setup.errors import SetupError

DEFAULT_MODEL = "whisper-tiny.en"
OPTIONAL_MODELS = [name for name in WHISPER if name != DEFAULT_MODEL]
TEST = "test"
AARCH64 = "aarch64"
EXTRAS = [*OPTIONAL_MODELS, TEST, AARCH64]

Step = tuple[str, Callable[[], bool]]


def steps(extras: list[str]) -> list[Step]:
    """The steps in order: a title, and a function that returns whether it had anything to do."""
    models = [DEFAULT_MODEL, *(name for name in OPTIONAL_MODELS if name in extras)]
    plan: list[Step] = [
        ("Python packages in .venv", lambda: environment.ensure("setup")),
        (f"ONNX Runtime {ONNX_RUNTIME.version} in lib/", runtime.ensure),
    ]
    plan += [(f"model onnx/{name}", partial(whisper.ensure, name)) for name in models]
    plan.append((f"model onnx/{vad.MODEL}", vad.ensure))
    plan.append((f"model onnx/{llm.MODEL}", llm.ensure))
    plan += [
        (f"model onnx/{encoders.PICTURES}", encoders.ensure_pictures),
        (f"model onnx/{encoders.SENTENCES}", encoders.ensure_sentences),
        (f"model onnx/{encoders.PHOTOS}", encoders.ensure_photos),
    ]
    if TEST in extras:
        plan += [
            ("Python packages for the tests", lambda: environment.ensure("test")),
            (f"ONNX Runtime {OLDEST_ONNX_RUNTIME.version}, the oldest supported", runtime.ensure_oldest),
        ]
    if AARCH64 in extras:
        plan.append((f"ONNX Runtime {ONNX_RUNTIME.version} for aarch64 in lib/aarch64/", runtime.ensure_aarch64))
    return plan


@contextmanager
def alone() -> Iterator[None]:
    """Allows one set-up at a time in this repository; a second one waits, and then finds everything done."""
    paths.BUILD.mkdir(exist_ok=True)
    with (paths.BUILD / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another set-up of this repository to finish", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Left over from an interrupted run.
        shutil.rmtree(paths.SCRATCH, ignore_errors=True)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/setup.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=" or ".join(EXTRAS))
    extras = parser.parse_args().extras
    for extra in extras:
        if extra not in EXTRAS:
            parser.error(f"unknown extra: {extra}; expected one of {', '.join(EXTRAS)}")

    runtime.check_machine()
    with alone():
        plan = steps(extras)
        for number, (title, work) in enumerate(plan, 1):
            print(f"[{number}/{len(plan)}] {title}", flush=True)
            started = time.monotonic()
            done = work()
            print(f"      {f'done in {time.monotonic() - started:.0f} s' if done else 'up to date'}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            sys.exit(f"setup: no space left on the disk of {paths.ROOT}; about 1 GB is needed")
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run it again to continue", file=sys.stderr)
        sys.exit(130)
