"""Makes tests/fixtures/media: what the reference implementations make of small files.

The Rust tests compare with these, so that they need no Python. Run it only to change a fixture:

    pip install -r scripts/requirements/fixtures.txt
    python scripts/make_fixtures_media.py

It also needs the programs ffmpeg and sox.
"""

import io
import json
import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests" / "fixtures" / "media"
SPEECH = ROOT / "tests" / "data" / "librivox-0870.wav"

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def log_mel() -> None:
    """Some frames of the log-mel spectrogram of real speech, frame by frame."""
    from whisper import audio

    with wave.open(str(SPEECH)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    cases = []
    for n_mels in (80, 128):
        for padding in (0, audio.N_SAMPLES):
            mel = audio.log_mel_spectrogram(samples, n_mels, padding).numpy()
            speech = len(samples) // audio.HOP_LENGTH
            frames = [*range(4), *range(4, speech, 128), *range(speech - 3, min(speech + 3, mel.shape[1]))]
            frames = sorted({*frames, mel.shape[1] - 1})
            name = f"log_mel_{n_mels}_{padding}.f32"
            (OUT / name).write_bytes(mel[:, frames].T.astype("<f4").tobytes())
            cases.append({"file": name, "n_mels": n_mels, "padding": padding, "frames": frames, "total": mel.shape[1]})
    (OUT / "log_mel.json").write_text(json.dumps(cases) + "\n")


def picture(width: int, height: int, seed: int) -> Image.Image:
    """Gradients, an edge and noise: what shows a wrong weight or a wrong rounding."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = np.stack([255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 8 * ((x + y) % 32)], -1)
    planes[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 255)
    noisy = planes[:, width // 2 :]
    noisy[:] = random.integers(0, 256, noisy.shape)
    return Image.fromarray(planes.astype(np.uint8))


def resize() -> None:
    """Pillow's resize, up and down, by every filter."""
    sources = {"odd": picture(37, 29, 1), "wide": picture(100, 40, 2)}
    sizes = {"odd": [(48, 14), (37, 11), (5, 29), (46, 40)], "wide": [(24, 24), (52, 13)]}
    cases = []
    for name, image in sources.items():
        image.save(OUT / f"resize_{name}.png", optimize=True)
        for resample, code in FILTERS.items():
            for width, height in sizes[name] if resample == "bicubic" else sizes[name][:2]:
                file = f"resize_{name}_{resample}_{width}x{height}.png"
                image.resize((width, height), code).save(OUT / file, optimize=True)
                cases.append(
                    {
                        "source": f"resize_{name}.png",
                        "resample": resample,
                        "width": width,
                        "height": height,
                        "file": file,
                    }
                )
    (OUT / "resize.json").write_text(json.dumps(cases) + "\n")


def blip_pixels() -> None:
    """The tensor of transformers' BLIP image processor (the one that goes through Pillow)."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    processor = BlipImageProcessorPil(size={"height": 24, "width": 20})
    image = Image.open(OUT / "resize_wide.png").convert("RGB")
    values = processor(image, return_tensors="np")["pixel_values"]
    assert values.shape == (1, 3, 24, 20), values.shape
    (OUT / "blip_pixels.f32").write_bytes(values.astype("<f4").tobytes())
    config = {
        "width": 20,
        "height": 24,
        "rescale": processor.rescale_factor,
        "mean": list(processor.image_mean),
        "std": list(processor.image_std),
    }
    (OUT / "blip_pixels.json").write_text(json.dumps(config) + "\n")


def image_modes() -> None:
    """Small PNG files of every mode, and the RGB that transformers makes of them."""
    from transformers.image_transforms import convert_to_rgb

    rgb = picture(9, 7, 3)
    alpha = Image.fromarray(np.random.default_rng(4).integers(0, 256, (7, 9), np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    grey_alpha = rgb.convert("L")
    grey_alpha.putalpha(alpha)
    palette = rgb.quantize(16)
    palette.info["transparency"] = 3
    images = {
        "rgb": rgb,
        "rgba": rgba,
        "grey": rgb.convert("L"),
        "grey_alpha": grey_alpha,
        "bilevel": rgb.convert("1"),
        "palette": palette,
    }
    for name, image in images.items():
        image.save(OUT / f"mode_{name}.png", optimize=True)
    # Pillow reads 16-bit colour but does not write it.
    ffmpeg("-i", OUT / "mode_rgb.png", "-vf", "format=rgb48be,noise=alls=3:all_seed=1", OUT / "mode_rgb16.png")
    ffmpeg("-i", OUT / "mode_rgba.png", "-vf", "format=rgba64be,noise=alls=3:all_seed=1", OUT / "mode_rgba16.png")
    for path in sorted(OUT.glob("mode_*.png")):
        path.with_suffix(".rgb").write_bytes(convert_to_rgb(Image.open(path), return_numpy=True).tobytes())
    # 16-bit grey: Pillow's convert clips at 255, which nobody wants; the reference is the upper byte.
    ramp = (np.arange(63, dtype=np.uint32) * 1040).astype(np.uint16).reshape(7, 9)
    Image.fromarray(ramp).save(OUT / "mode_grey16.png")
    (OUT / "mode_grey16.rgb").write_bytes((ramp >> 8).astype(np.uint8).repeat(3).tobytes())


def image_formats() -> None:
    """One picture in every format. Lossless ones are told apart in the tests by comparing with the PNG."""
    y, x = np.mgrid[0:16, 0:24]
    smooth = np.stack([40 + 8 * x, 30 + 12 * y, np.full_like(x, 128)], -1).astype(np.uint8)
    image = Image.fromarray(smooth)
    image.save(OUT / "format.png", optimize=True)
    image.save(OUT / "format.jpg", quality=95, subsampling=0)
    image.save(OUT / "format_progressive.jpg", quality=95, subsampling=0, progressive=True)
    image.convert("L").save(OUT / "format_grey.jpg", quality=95)
    image.convert("CMYK").save(OUT / "format_cmyk.jpg", quality=95)
    image.save(OUT / "format.webp", lossless=True)
    image.save(OUT / "format_lossy.webp", quality=90)
    image.save(OUT / "format.bmp")
    image.save(OUT / "format.tiff", compression="tiff_lzw")
    image.save(OUT / "format.tga")
    image.convert("RGBA").save(OUT / "format.ico", sizes=[(24, 16)])
    image.save(OUT / "format.ppm")
    image.save(OUT / "format.dds", pixel_format="DXT1")
    image.save(OUT / "format.avif", quality=60)
    ffmpeg("-i", OUT / "format.png", OUT / "format.qoi")
    ffmpeg("-i", OUT / "format.png", "-vf", "format=gbrpf32le", OUT / "format.exr")
    first = image.quantize(64)
    first.save(OUT / "format.gif", save_all=True, append_images=[Image.new("RGB", image.size, "red")])
    (OUT / "format.ff").write_bytes(
        b"farbfeld" + struct.pack(">II", 24, 16) + np.insert(smooth, 3, 255, -1).astype(">u2").__mul__(257).tobytes()
    )
    # Radiance, uncompressed: the exponent 128 makes a mantissa m stand for m / 256.
    (OUT / "format.hdr").write_bytes(
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16 +X 24\n"
        + np.insert(smooth, 3, 128, -1).astype(np.uint8).tobytes()
    )


def orientations() -> None:
    """A picture with four coloured corners under each EXIF orientation, stored so that it comes out upright."""
    upright = Image.new("RGB", (32, 16))
    for box, colour in {(0, 0): "red", (16, 0): "lime", (0, 8): "blue", (16, 8): "white"}.items():
        upright.paste(colour, (*box, box[0] + 16, box[1] + 8))
    upright.save(OUT / "orientation.png", optimize=True)
    stored = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    from PIL import ImageOps

    for orientation, steps in stored.items():
        image = upright
        for step in steps:
            image = image.transpose(step)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = OUT / f"orientation_{orientation}.jpg"
        image.save(path, quality=90, subsampling=0, exif=exif)
        again = np.asarray(ImageOps.exif_transpose(Image.open(path)), np.int16)
        assert np.abs(again - np.asarray(upright, np.int16)).max() < 12, orientation


def audio() -> None:
    """Half a second with a burst of tone from 0.2 to 0.3 s, in every codec."""
    rate = 16000
    time = np.arange(rate // 2) / rate
    burst = np.where((time >= 0.2) & (time < 0.3), 0.5 * np.sin(2 * np.pi * 1000 * time), 0)
    source = OUT / "burst.wav"
    with wave.open(str(source), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.round(burst * 32767).astype("<i2").tobytes())
    stereo = ["-ac", "2", "-ar", "44100"]
    cover = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(cover, "PNG")
    (OUT / "cover.png").write_bytes(cover.getvalue())
    for name, options in {
        "burst.flac": ["-frame_size", "1024"],
        "burst.mp3": [*stereo, "-b:a", "64k", "-id3v2_version", "3", "-metadata", "title=burst"],
        "burst_22050.mp3": ["-ar", "22050", "-b:a", "32k", "-id3v2_version", "0", "-write_xing", "0"],
        "burst.ogg": [*stereo, "-c:a", "libvorbis", "-q:a", "2", "-page_duration", "50000"],
        "burst.m4a": [*stereo, "-c:a", "aac", "-b:a", "64k"],
        "burst_alac.m4a": ["-c:a", "alac"],
        "burst.aac": [*stereo, "-c:a", "aac", "-b:a", "64k"],
        "burst_opus.ogg": ["-c:a", "libopus", "-b:a", "16k"],
        "burst_opus.webm": ["-c:a", "libopus", "-b:a", "16k"],
        "burst_opus.mp4": ["-c:a", "libopus", "-b:a", "16k"],
        "burst_faststart.m4a": [*stereo, "-c:a", "aac", "-b:a", "64k", "-movflags", "faststart"],
        "burst_fragmented.m4a": [*stereo, "-c:a", "aac", "-b:a", "64k", "-movflags", "frag_keyframe+delay_moov"],
        "burst.mkv": [*stereo, "-c:a", "aac", "-b:a", "64k"],
        "burst.aiff": [],
        "burst.caf": [],
        "burst_speex.ogg": ["-c:a", "libspeex"],
        "burst_alaw.wav": ["-ar", "8000", "-c:a", "pcm_alaw"],
        "burst_adpcm_ms.wav": ["-ar", "8000", "-c:a", "adpcm_ms"],
        "burst_adpcm_ima.wav": ["-ar", "8000", "-c:a", "adpcm_ima_wav"],
        "burst_gsm.wav": ["-ar", "8000", "-c:a", "libgsm_ms"],
    }.items():
        ffmpeg("-i", source, *options, OUT / name)
    # Two tracks: silence, and the burst, which is the default one.
    silence = ["-f", "lavfi", "-t", "0.5", "-i", "anullsrc=r=16000:cl=mono"]
    choice = ["-map", "0", "-map", "1", "-disposition:a:0", "0", "-disposition:a:1", "default", "-c:a", "aac"]
    for name in ("two_tracks.mp4", "two_tracks.mkv"):
        ffmpeg(*silence, "-i", source, *choice, OUT / name)
    drop_flac_metadata(OUT / "burst.flac")
    with_cover = ["-map", "0", "-map", "1", "-c", "copy", "-id3v2_version", "3", "-disposition:v", "attached_pic"]
    ffmpeg("-i", OUT / "burst.mp3", "-i", OUT / "cover.png", *with_cover, OUT / "burst_cover.mp3")
    (OUT / "cover.png").unlink()
    # What ffmpeg and sox write to a pipe, where they cannot go back to fill in the sizes.
    short = ["-ss", "0.18", "-t", "0.05"]
    piped = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", source, *short, "-f", "wav", "-"], check=True, capture_output=True
    )
    (OUT / "piped_ffmpeg.wav").write_bytes(piped.stdout)
    piped = subprocess.run(
        f"cat {source} | sox -t wav - -t wav - trim 0.18 0.05 | cat", shell=True, check=True, capture_output=True
    )
    (OUT / "piped_sox.wav").write_bytes(piped.stdout)
    for bits in (8, 16, 24, 32):
        subprocess.run(
            ["sox", "-D", source, "-b", str(bits), OUT / f"sox_{bits}.wav", "trim", "0.18", "0.05"], check=True
        )
    ffmpeg("-i", source, *short, "-c:a", "pcm_f32le", OUT / "ffmpeg_f32.wav")
    ffmpeg("-i", source, "-ss", "0.19", "-t", "0.02", "-ac", "6", "-c:a", "pcm_s24le", OUT / "ffmpeg_5.1.wav")


def drop_flac_metadata(path: Path) -> None:
    """Keeps the stream information only: ffmpeg reserves 8 kB for tags."""
    data = path.read_bytes()
    at, last = 4, False
    while not last:
        last = bool(data[at] & 0x80)
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    path.write_bytes(b"fLaC\x80" + data[5:42] + data[at:])


def ffmpeg(*arguments: object) -> None:
    """Runs ffmpeg so that its output is the same each time."""
    command = ["ffmpeg", "-v", "error", "-y", "-bitexact", *arguments[:-1], "-bitexact", arguments[-1]]
    subprocess.run([str(argument) for argument in command], check=True)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    log_mel()
    resize()
    blip_pixels()
    image_modes()
    image_formats()
    orientations()
    audio()
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
