"""Makes tests/fixtures/pictures: small files of every unusual kind, and what Pillow makes of each.

pictures.json has the pixels of each as transformers gets them: `ImageOps.exif_transpose`, then laid on white. Run it only to
change a fixture:

    pip install -r scripts/requirements/fixtures.txt
    python scripts/make_fixtures_pictures.py
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "pictures"
WIDTH, HEIGHT = 12, 7

ORIENTATION = 0x0112
BLACK_IS_ZERO, RGB, PALETTE = 1, 2, 3
UINT, INT, FLOAT = 1, 2, 3
ASSOCIATED, UNASSOCIATED = 1, 2

KNOWN: dict[str, dict[str, object]] = {}
"""By file: width, height, the most that a sample may differ, how many warnings there are, and the pixels in hexadecimal."""


def picture() -> np.ndarray:
    """Gradients and an edge: no two corners are alike, so that every turn shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = np.stack([255 * x / (WIDTH - 1), 255 * y / (HEIGHT - 1), 16 * (x + y)], -1).astype(np.uint8)
    planes[1:3, 2:6] = (255, 0, 128)
    return planes


def pillow(path: Path) -> np.ndarray:
    """The pixels as transformers gets them."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode != "RGB":
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255)), rgba).convert("RGB")
    return np.asarray(image)


def keep(name: str, content: bytes, pixels: np.ndarray | None = None, tolerance: int = 0, warnings: int = 0) -> None:
    """Writes a picture and its pixels: those of Pillow, or `pixels` where Pillow cannot read it as it is meant."""
    path = OUT / name
    path.write_bytes(content)
    pixels = pillow(path) if pixels is None else pixels
    height, width = pixels.shape[:2]
    KNOWN[name] = {
        "width": width,
        "height": height,
        "tolerance": tolerance,
        "warnings": warnings,
        "pixels": pixels.tobytes().hex(),
    }


def encoded(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def exif(kind: int, value: int, order: str = "<") -> bytes:
    """An EXIF block of one tag, of TIFF's type `kind`."""
    size = {1: "B", 3: "H", 4: "I", 9: "i"}[kind]
    packed = struct.pack(order + size, value).ljust(4, b"\0")
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "IHHHI", 8, 1, ORIENTATION, kind, 1) + packed + b"\0\0\0\0"


def xmp(value: int, attribute: bool = True) -> bytes:
    tag = f'tiff:Orientation="{value}"/>' if attribute else f"><tiff:Orientation>{value}</tiff:Orientation></x>"
    return f'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {tag}'.encode()


def jpeg() -> None:
    """Orientations in every form, missing ends, several pictures in one file."""
    plain = encoded(Image.fromarray(picture()), format="JPEG", quality=95, subsampling=0)

    def with_app1(content: bytes) -> bytes:
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + plain[2:]

    adobe = b"http://ns.adobe.com/xap/1.0/\0"
    keep("exif_short.jpg", with_app1(b"Exif\0\0" + exif(3, 8, ">")), tolerance=2)
    keep("exif_long.jpg", with_app1(b"Exif\0\0" + exif(4, 6)), tolerance=2)
    keep("exif_long_motorola.jpg", with_app1(b"Exif\0\0" + exif(4, 5, ">")), tolerance=2)
    keep("exif_signed.jpg", with_app1(b"Exif\0\0" + exif(9, 3)), tolerance=2)
    keep("exif_out_of_range.jpg", with_app1(b"Exif\0\0" + exif(3, 9)), tolerance=2)
    keep("xmp_attribute.jpg", with_app1(adobe + xmp(6)), tolerance=2)
    keep("xmp_element.jpg", with_app1(adobe + xmp(8, attribute=False)), tolerance=2)
    whole = np.asarray(Image.open(io.BytesIO(plain)))
    keep("no_end.jpg", plain[:-2], whole, tolerance=2, warnings=1)
    keep("half_an_end.jpg", plain[:-1], whole, tolerance=2, warnings=1)
    keep("zeros_for_end.jpg", plain[:-2] + bytes(40), tolerance=2, warnings=1)
    keep("more_after_end.jpg", plain + b"more", tolerance=2)
    progressive = encoded(Image.fromarray(picture()), format="JPEG", quality=95, subsampling=0, progressive=True)
    keep("no_end_progressive.jpg", progressive[:-2], np.asarray(Image.open(io.BytesIO(progressive))), 2, warnings=1)
    keep("jfif.jfif", plain, tolerance=2)
    turned = Image.fromarray(picture()).rotate(90)
    keep(
        "two.mpo",
        encoded(
            Image.fromarray(picture()), format="MPO", quality=95, subsampling=0, save_all=True, append_images=[turned]
        ),
        tolerance=4,
    )
    (OUT / "cut_off.jpg").write_bytes(plain[: len(plain) * 9 // 10])
    (OUT / "cut_off_progressive.jpg").write_bytes(progressive[: len(progressive) * 9 // 10])
    (OUT / "cut_off_header.jpg").write_bytes(plain[:200])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png() -> None:
    """Metadata in every form, before and behind the pixels; transparency; several pictures."""
    plain = encoded(Image.fromarray(picture()), format="PNG")
    start, end = 33, len(plain) - 12
    hexadecimal = (b"Exif\0\0" + exif(3, 6)).hex()
    raw = f"\nexif\n{len(hexadecimal) // 2:8}\n{hexadecimal[:72]}\n{hexadecimal[72:]}\n".encode()
    for name, made in {
        "exif": chunk(b"eXIf", exif(3, 6)),
        "exif_long": chunk(b"eXIf", exif(4, 8, ">")),
        "raw_ztxt": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        "raw_text": chunk(b"tEXt", b"Raw profile type exif\0" + raw),
        "raw_itxt": chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(raw)),
        "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(7)),
        "xmp_packed": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(5))),
    }.items():
        keep(f"early_{name}.png", plain[:start] + made + plain[start:])
        keep(f"late_{name}.png", plain[:end] + made + plain[end:])
    data = plain.index(b"IDAT")
    size = struct.unpack(">I", plain[data - 4 : data])[0]
    damaged = bytearray(plain)
    damaged[data + 4 + size] ^= 0xFF
    keep("wrong_checksum.png", bytes(damaged), warnings=1)
    keep("no_end.png", plain[:-12], warnings=1)
    (OUT / "cut_off.png").write_bytes(plain[: data + 4 + size // 2])
    shorter = plain[data + 4 : data + 4 + size // 2]
    (OUT / "too_few_pixels.png").write_bytes(plain[: data - 4] + chunk(b"IDAT", shorter))
    image = Image.fromarray(picture())
    quantized = image.quantize(16)
    keep("palette_transparent.png", encoded(quantized, format="PNG", transparency=3))
    keep("palette_alpha.png", encoded(quantized, format="PNG", transparency=bytes(range(0, 256, 16))))
    keep("grey_transparent.png", encoded(image.convert("L"), format="PNG", transparency=int(picture()[0, 0, 0])))
    keep("bilevel.png", encoded(image.convert("1"), format="PNG"))
    frames = [Image.new("RGB", image.size, colour) for colour in ("red", "blue")]
    keep("animated.png", encoded(image, format="PNG", save_all=True, append_images=frames))
    keep("animated.gif", encoded(quantized, format="GIF", save_all=True, append_images=frames))
    keep("transparent.gif", encoded(quantized, format="GIF", transparency=quantized.getpixel((0, 0))))
    keep("animated.webp", encoded(image, format="WEBP", save_all=True, append_images=frames, lossless=True))
    keep("exif.webp", encoded(image, format="WEBP", lossless=True, exif=b"Exif\0\0" + exif(4, 6)))
    keep("xmp.webp", encoded(image, format="WEBP", lossless=True, xmp=xmp(8)))


def tiff(
    samples: np.ndarray,
    photometric: int,
    *,
    kind: int = UINT,
    extra: int | None = None,
    tags: dict[int, tuple[int, list[int]]] | None = None,
    bits: int | None = None,
    big: bool = False,
) -> bytes:
    """An uncompressed TIFF of one strip; `tags` adds tags, by type and values. Rows of `bits` below 8 are packed."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    data = samples.tobytes()
    if bits:
        places = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        data = np.packbits(places.reshape(height, -1), axis=-1).tobytes()
    bits = bits or samples.dtype.itemsize * 8
    entries: dict[int, tuple[int, list[int]]] = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [bits] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [16]),
        277: (3, [channels]),
        278: (3, [height]),
        279: (4, [len(data)]),
        339: (3, [kind] * channels),
    }
    if extra is not None:
        entries[338] = (3, [extra])
    entries |= tags or {}
    directory = 16 + len(data) + len(data) % 2
    size, count, inline = (20, 8, 8) if big else (12, 2, 4)
    behind = directory + count + size * len(entries) + inline
    body, values = b"", b""
    for tag, (form, numbers) in sorted(entries.items()):
        packed = b"".join(struct.pack("<" + {1: "B", 3: "H", 4: "I"}[form], number) for number in numbers)
        body += struct.pack("<HHQ" if big else "<HHI", tag, form, len(numbers))
        if len(packed) <= inline:
            body += packed.ljust(inline, b"\0")
        else:
            body += struct.pack("<Q" if big else "<I", behind + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, directory) if big else struct.pack("<2sHI8x", b"II", 42, directory)
    number = struct.pack("<Q" if big else "<H", len(entries))
    return head + data.ljust(directory - 16, b"\0") + number + body + bytes(inline) + values


def tiffs() -> None:
    """What the usual decoders refuse or read otherwise."""
    colours = picture()
    grey = colours[..., 0]
    keep("big.tif", tiff(colours, RGB, big=True))
    keep("big_turned.tif", tiff(colours, RGB, big=True, tags={ORIENTATION: (3, [6])}))
    keep("turned.tif", tiff(colours, RGB, tags={ORIENTATION: (3, [8])}))
    keep("turned_long.tif", tiff(colours, RGB, tags={ORIENTATION: (4, [6])}))
    keep("turned_xmp.tif", tiff(colours, RGB, tags={700: (1, list(xmp(6)))}))
    random = np.random.default_rng(1)
    for bits in (1, 2, 4, 8):
        indices = random.integers(0, 1 << bits, grey.shape, np.uint8)
        entries = random.integers(0, 1 << 16, 3 << bits).tolist()
        packed = bits if bits < 8 else None
        # Pillow knows palettes of 1, 2, 4 and 8 bits.
        keep(f"palette_{bits}.tif", tiff(indices, PALETTE, bits=packed, tags={320: (3, entries)}))
    indices = random.integers(0, 256, grey.shape, np.uint8)
    keep(
        "palette_big.tif", tiff(indices, PALETTE, big=True, tags={320: (3, random.integers(0, 1 << 16, 768).tolist())})
    )
    keep("grey_4.tif", tiff(grey >> 4, BLACK_IS_ZERO, bits=4))
    keep("grey_2.tif", tiff(grey >> 6, BLACK_IS_ZERO, bits=2))
    alpha = np.linspace(0, 255, grey.size, dtype=np.uint8).reshape(grey.shape)
    multiplied = (colours.astype(int) * alpha[..., None] // 255).astype(np.uint8)
    keep("associated.tif", tiff(np.dstack([multiplied, alpha]), RGB, extra=ASSOCIATED))
    keep("unassociated.tif", tiff(np.dstack([colours, alpha]), RGB, extra=UNASSOCIATED))
    keep("grey_alpha.tif", tiff(np.dstack([grey, alpha]), BLACK_IS_ZERO, extra=UNASSOCIATED))
    wide = grey.astype(np.int32) * 3 - 100
    keep("int32.tif", tiff(wide, BLACK_IS_ZERO, kind=INT))
    keep("int16.tif", tiff(wide.astype(np.int16), BLACK_IS_ZERO, kind=INT))
    keep("uint32.tif", tiff(wide.clip(0).astype(np.uint32), BLACK_IS_ZERO))
    # Floats of 0 to 1 are white at 1; Pillow, which knows 0 to 255 only, makes all of them black.
    spread = np.repeat(grey[..., None], 3, -1)
    for dtype in (np.float16, np.float32, np.float64):
        name = np.dtype(dtype).name
        keep(f"{name}.tif", tiff((colours / 255).astype(dtype), RGB, kind=FLOAT), colours, warnings=1)
        keep(f"{name}_grey.tif", tiff((grey / 255).astype(dtype), BLACK_IS_ZERO, kind=FLOAT), spread, warnings=1)
    keep("float32_grey_255.tif", tiff(grey.astype(np.float32), BLACK_IS_ZERO, kind=FLOAT), warnings=1)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    jpeg()
    png()
    tiffs()
    (OUT / "pictures.json").write_text(json.dumps(KNOWN, indent=1) + "\n")
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
