"""The shortest program that transcribes one file with an engine; its whole life is what `cold` measures.

python -m edgefuse_tools.bench.cold faster_whisper OPTIONS.json clip.wav
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgefuse_tools.bench.worker import load

if __name__ == "__main__":
    engine = load(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    print(engine.transcribe(Path(sys.argv[3])).text)
