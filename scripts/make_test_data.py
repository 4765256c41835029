"""Makes tests/data/: real speech and pictures out of packages, spoken questions, other formats, and broken files.

    .venv/bin/python scripts/make_test_data.py

Needs, on Debian: apt-get install espeak-ng ffmpeg, and the Python packages of `scripts/setup.sh test`.
The copies are the same everywhere; espeak-ng and ffmpeg of other versions make other bytes of the same content
(tests/data/README.md says which versions made the committed ones).
"""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import wave
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path

from PIL import Image

from setup import pip
from setup.artifacts import EASY_VQA
from setup.paths import ROOT

DATA = ROOT / "tests" / "data"
BAD = DATA / "bad"
FORMATS = DATA / "formats"

SPEECH_PACKAGE = "pocketsphinx-testdata=0.8+5prealpha+1-15"
SPEECH_PACKAGE_SHA256 = "eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0"
SPEECH_FOLDER = "usr/share/pocketsphinx/test/data"
LIBRIVOX = ("0870", "0880", "0890", "0920", "0930")
CARDS = ("001", "002", "003", "004", "005")

# Test pictures that show all eight colours and all three shapes.
PICTURES = (0, 7, 19, 23, 39, 41, 46, 48, 61, 63)
SHAPES = ("circle", "rectangle", "triangle")

SPANISH = ("spanish.wav", "mi hermano vive en españa y trabaja en un hospital")

# Of espeak-ng's voices and speeds this is one that Whisper tiny.en hears rightly in every question.
VOICE = ("-v", "en-us+m3", "-s", "120", "-g", "6")
QUESTIONS = {
    "question-color.wav": "What color is the shape?",
    "question-shape.wav": "What shape is in the image?",
    "question-yesno.wav": "Is there a blue rectangle?",
}

RECORDS = [
    {"id": "image-and-audio", "image": "easyvqa-23.png", "audio": "question-color.wav"},
    {"id": "image-and-text", "image": "easyvqa-7.png", "text": "what shape is in the image?"},
    {"id": "audio-only", "audio": "librivox-0930.wav"},
    {"id": "image-only", "image": "easyvqa-0.png"},
    {
        "id": "all-three",
        "image": "easyvqa-39.png",
        "audio": "question-shape.wav",
        "text": "what color is the shape?",
    },
]


def main() -> None:
    for folder in (BAD, FORMATS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    transcripts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        copy_speech(Path(scratch), transcripts)
        copy_pictures(Path(scratch))
    speak_questions(transcripts)
    speak_spanish(transcripts)
    write_json(DATA / "transcripts.json", transcripts)
    write_lines(DATA / "records.jsonl", [json.dumps(record) for record in RECORDS])
    write_formats()
    write_bad_audio()
    write_bad_images()
    write_bad_manifests()
    size = sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file())
    print(f"{DATA.relative_to(ROOT)}: {size / 1e6:.2f} MB")


def copy_speech(scratch: Path, transcripts: dict[str, str]) -> None:
    subprocess.run(["apt-get", "download", SPEECH_PACKAGE], cwd=scratch, check=True)
    (package,) = scratch.glob("*.deb")
    if sha256(package.read_bytes()).hexdigest() != SPEECH_PACKAGE_SHA256:
        sys.exit(f"{package.name}: not the pinned sha256")
    subprocess.run(["dpkg-deb", "--extract", package, scratch / "package"], check=True)
    folder = scratch / "package" / SPEECH_FOLDER
    librivox = read_transcripts(folder / "librivox" / "transcription")
    for number in LIBRIVOX:
        name = f"sense_and_sensibility_01_austen_64kb-{number}"
        shutil.copyfile(folder / "librivox" / f"{name}.wav", DATA / f"librivox-{number}.wav")
        transcripts[f"librivox-{number}.wav"] = librivox[name]
    cards = read_transcripts(folder / "cards" / "cards.transcription")
    for number in CARDS:
        shutil.copyfile(folder / "cards" / f"{number}.wav", DATA / f"cards-{number}.wav")
        transcripts[f"cards-{number}.wav"] = cards[number]


def read_transcripts(path: Path) -> dict[str, str]:
    """Lines of `<s> the words </s> (name)`."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words, _, name = line.rpartition(" (")
        found[name.rstrip(")")] = words.replace("<s>", "").replace("</s>", "").strip()
    return found


def copy_pictures(scratch: Path) -> None:
    with pip.fetch(Path(sys.executable), EASY_VQA, scratch) as archive:
        questions = json.loads(archive.read("easy_vqa/data/test/questions.json"))
        pictures = [copy_picture(archive, number, questions) for number in PICTURES]
    write_json(DATA / "easyvqa.json", pictures)


def copy_picture(archive: zipfile.ZipFile, number: int, questions: list[tuple[str, str, int]]) -> dict[str, object]:
    """The picture's file and what the data set says about it."""
    name = f"easyvqa-{number}.png"
    (DATA / name).write_bytes(archive.read(f"easy_vqa/data/test/images/{number}.png"))
    asked = [{"question": text, "answer": answer} for text, answer, picture in questions if picture == number]
    answers = {entry["answer"] for entry in asked} - {"yes", "no"}
    (shape,) = answers & set(SHAPES)
    (color,) = answers - set(SHAPES)
    return {"image": name, "shape": shape, "color": color, "caption": f"a {color} {shape}", "questions": asked}


def speak_questions(transcripts: dict[str, str]) -> None:
    for name, text in QUESTIONS.items():
        spoken = subprocess.run(["espeak-ng", *VOICE, "--stdout", text], stdout=subprocess.PIPE, check=True).stdout
        convert("pipe:0", DATA / name, "-ar", "16000", "-c:a", "pcm_s16le", given=spoken)
        transcripts[name] = text


def speak_spanish(transcripts: dict[str, str]) -> None:
    """For the multilingual models: a language to detect, and to translate."""
    name, text = SPANISH
    spoken = subprocess.run(
        ["espeak-ng", "-v", "es", "-s", "140", "--stdout", text], stdout=subprocess.PIPE, check=True
    )
    convert("pipe:0", DATA / name, "-ar", "16000", "-c:a", "pcm_s16le", given=spoken.stdout)
    transcripts[name] = text


def write_formats() -> None:
    """One recording in every sample type, one question in every format and one picture in every format."""
    card = DATA / "cards-001.wav"
    convert(card, FORMATS / "8-bit.wav", "-c:a", "pcm_u8")
    convert(card, FORMATS / "24-bit.wav", "-c:a", "pcm_s24le")
    convert(card, FORMATS / "32-bit.wav", "-c:a", "pcm_s32le")
    convert(card, FORMATS / "float.wav", "-c:a", "pcm_f32le")
    # A telephone's rate, on real speech: what it leaves of the synthetic voice is not enough.
    convert(DATA / "librivox-0930.wav", FORMATS / "mono-8000.wav", "-ar", "8000")
    question = DATA / "question-color.wav"
    convert(question, FORMATS / "stereo-44100.flac", "-ar", "44100", "-ac", "2", "-sample_fmt", "s16")
    convert(question, FORMATS / "stereo-48000.mp3", "-ar", "48000", "-ac", "2", "-b:a", "64k")
    convert(question, FORMATS / "mono-22050.ogg", "-ar", "22050", "-c:a", "libvorbis", "-q:a", "2")
    convert(question, FORMATS / "mono-32000.m4a", "-ar", "32000", "-c:a", "aac", "-b:a", "48k")

    with Image.open(DATA / "easyvqa-23.png") as opened:
        picture = opened.convert("RGB")
    picture.save(FORMATS / "blue-rectangle.bmp")
    picture.save(FORMATS / "blue-rectangle.gif")
    picture.save(FORMATS / "blue-rectangle.webp", lossless=True)
    rotated = Image.Exif()
    rotated[0x0112] = 6  # orientation: to be shown turned by 90 degrees clockwise
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.save(FORMATS / "blue-rectangle-turned.jpg", quality=95, exif=rotated)
    alpha = picture.convert("RGBA")
    alpha.putalpha(255)
    alpha.save(FORMATS / "blue-rectangle-alpha.png")
    picture.convert("L").save(FORMATS / "rectangle-grey.png")


def convert(source: Path | str, target: Path, *options: str, given: bytes | None = None) -> None:
    """Through ffmpeg, without the time and version stamps that would make every run differ."""
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    command = ["ffmpeg", "-v", "error", "-y", "-i", source, *options, *exact, target]
    subprocess.run(command, input=given, stdin=None if given is not None else subprocess.DEVNULL, check=True)


def write_bad_audio() -> None:
    (BAD / "empty.wav").write_bytes(b"")
    (BAD / "text.wav").write_text("This is not a recording.\n", encoding="utf-8")
    whole = (DATA / "cards-001.wav").read_bytes()
    # Its header promises 35 kB of samples; the file ends early, as after a full disk or a broken transfer.
    (BAD / "truncated.wav").write_bytes(whole[:8000])
    (BAD / "truncated-header.wav").write_bytes(whole[:30])
    (BAD / "zero-length.wav").write_bytes(wav(b""))


def wav(samples: bytes) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        target.writeframes(samples)
    return stream.getvalue()


def write_bad_images() -> None:
    (BAD / "empty.png").write_bytes(b"")
    (BAD / "text.png").write_text("This is not a picture.\n", encoding="utf-8")
    whole = bytearray((DATA / "easyvqa-23.png").read_bytes())
    middle = whole.index(b"IDAT") + 40
    whole[middle : middle + 8] = bytes(value ^ 0xFF for value in whole[middle : middle + 8])
    (BAD / "corrupt.png").write_bytes(whole)
    (BAD / "pixel-1x1.png").write_bytes(png(1, 1, zlib.compress(b"\0\x20\x40\xc0")))
    # 2.7 GB if anyone believed it; the pixels are not there.
    (BAD / "huge-30000x30000.png").write_bytes(png(30000, 30000, zlib.compress(b"")))


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def write_bad_manifests() -> None:
    def good(number: int) -> str:
        return json.dumps({"id": f"good-{number}", "image": "../easyvqa-0.png"})

    for name, line in {
        "malformed": '{"id": "broken", "image": ',
        "no-modality": '{"id": "nothing"}',
        "missing-image": '{"id": "gone", "image": "not-there.png"}',
    }.items():
        write_lines(BAD / f"{name}.jsonl", [good(1), line, good(2)])


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
