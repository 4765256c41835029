"""Damages messages: bytes, structure, and the numbers and words that parsers look at."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

TOKENS = (
    b"content-length: 99999999999999999999",
    b"content-length: -1",
    b"content-length: 0",
    b"transfer-encoding: chunked",
    b"transfer-encoding: gzip, chunked",
    b"expect: 100-continue",
    b"upgrade: websocket",
    b"connection: keep-alive",
    b"host: evil.example",
    b"host: ",
    b"origin: http://evil.example",
    b"authorization: Bearer x",
    b"content-type: multipart/form-data; boundary=" + b"-" * 80,
    b"content-type: application/json",
    b"content-type: multipart/form-data",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"..%2f..%2f",
    b"%00",
    b"[" * 500,
    b'{"a":' * 200,
    b'"',
    b"1e999",
    b"-0",
    b"NaN",
    b"null",
    b"true",
    b"18446744073709551616",
    b"\\ud800",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\0\x01\0",
    b"RIFF",
    b"--edgefuse-form\r\n",
    b'"payload_length": 4294967296',
    b'"data_length": 1',
    b"\x81\xfe",
    b"\x88\x80\0\0\0\0",
    b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
)
NUMBERS = re.compile(rb"\d+")
BIG = (0, 1, 2, 127, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64)


def damaged(generator: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to six kinds of damage; rarely none at all, because valid requests take long."""
    message = bytearray(generator.choice(seeds))
    for _ in range(generator.choices((0, 1, 2, 3, 6), (1, 20, 40, 25, 14))[0]):
        generator.choice(_KINDS)(generator, message, seeds)
    return bytes(message)


def _place(generator: random.Random, message: bytearray) -> int:
    """A place in the message, in its head more often than in its body."""
    end = len(message) if generator.random() < 0.2 else min(len(message), 400)
    return generator.randrange(end + 1)


def _flip(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    for _times in range(generator.randrange(1, 8)):
        if message:
            message[min(_place(generator, message), len(message) - 1)] = generator.randrange(256)


def _insert(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    at = _place(generator, message)
    message[at:at] = generator.choice(TOKENS)


def _header(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    at = message.find(b"\r\n") + 2
    message[at:at] = generator.choice(TOKENS) + b"\r\n"


def _noise(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    at = _place(generator, message)
    message[at:at] = generator.randbytes(generator.choice((1, 4, 100, 5_000)))


def _cut(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    at = _place(generator, message)
    del message[at : at + generator.choice((1, 2, 10, 100, 10_000))]


def _end(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    del message[_place(generator, message) :]


def _double(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    at = _place(generator, message)
    part = bytes(message[at : at + generator.choice((1, 20, 200))])
    message[at:at] = part * generator.choice((1, 2, 50))


def _splice(generator: random.Random, message: bytearray, seeds: Sequence[bytes]) -> None:
    other = generator.choice(seeds)
    message[_place(generator, message) :] = other[generator.randrange(len(other)) :]


def _number(generator: random.Random, message: bytearray, _: Sequence[bytes]) -> None:
    found = list(NUMBERS.finditer(bytes(message[:600])))
    if found:
        one = generator.choice(found)
        message[one.start() : one.end()] = str(generator.choice(BIG) - generator.randrange(2)).encode()


_KINDS = (_flip, _insert, _header, _noise, _cut, _end, _double, _splice, _number)
