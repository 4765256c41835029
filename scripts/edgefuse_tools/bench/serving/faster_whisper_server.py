"""faster-whisper behind the shortest FastAPI server: MODEL THREADS PORT."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, UploadFile
from faster_whisper import WhisperModel

app = FastAPI()
_, model_folder, threads, port = sys.argv
model = WhisperModel(model_folder, device="cpu", compute_type="int8", cpu_threads=int(threads))


@app.post("/v1/audio/transcriptions")
def transcribe(file: UploadFile) -> dict[str, str]:
    """Runs on FastAPI's pool of threads."""
    segments, _ = model.transcribe(file.file, language="en", beam_size=1, condition_on_previous_text=False)
    return {"text": "".join(segment.text for segment in segments).strip()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
