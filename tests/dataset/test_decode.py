"""What of an image file is read: pixels whatever the metadata, large JPEGs reduced."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ketune.dataset.contract import Violation
from ketune.dataset.images import CanonicalImage, canonical_image
from tests.dataset.published import encode, picture

SIX = (0x112, 3, struct.pack(">H", 6))  # orientation: shown turned 90° clockwise
# One value of each of TIFF's types, 1 to 13.
VALUES = {
    1: b"\1", 2: b"a\0", 3: b"\0\1", 4: b"\0\0\0\1", 5: struct.pack(">II", 1, 0), 6: b"\xff",
    7: b"\xfe", 8: b"\xff\xff", 9: b"\xff" * 4, 10: struct.pack(">ii", -1, 2),
    11: struct.pack(">f", 0.5), 12: struct.pack(">d", 0.5), 13: b"\0\0\0\7",
}  # fmt: skip
TAGS = (
    *(0xFE, 0x100, 0x101, 0x102, 0x103, 0x106, 0x10E, 0x10F, 0x110, 0x111, 0x115, 0x116, 0x117),
    *(0x11A, 0x11B, 0x11C, 0x128, 0x12D, 0x131, 0x132, 0x13B, 0x13E, 0x201, 0x202, 0x211, 0x213),
    *(0x2BC, 0x8298, 0x8769, 0x8825, 0x9286, 0x927C, 0xA001, 0xA005, 0xA20B, 0xC4A5),
)


def exif(*entries: tuple[int, int, bytes]) -> bytes:
    """EXIF of (tag, type, value) entries, each of one value."""
    at = 8 + 2 + 12 * len(entries) + 4
    body, extra = struct.pack(">H", len(entries)), b""
    for tag, kind, value in sorted(entries):
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(">I", at + len(extra))
        body += struct.pack(">HHI", tag, kind, 1) + field
        extra += value if len(value) > 4 else b""
    return b"Exif\0\0MM\0*\0\0\0\x08" + body + bytes(4) + extra


def photo(metadata: bytes, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    picture(3, (64, 48)).save(buffer, kind, exif=metadata)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_metadata_costs_no_pixels_and_no_orientation(kind: str) -> None:
    plain = canonical_image(photo(exif(SIX), kind), 640)
    assert isinstance(plain, CanonicalImage)
    assert plain.size == (48, 64)
    for tag in TAGS:
        for number, value in VALUES.items():
            odd = canonical_image(photo(exif((tag, number, value), SIX), kind), 640)
            assert isinstance(odd, CanonicalImage), (hex(tag), number, odd)
            assert odd.name == plain.name, (hex(tag), number)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth: int, colour: int, row: bytes, *extra: bytes, rows: int = 2) -> bytes:
    """A PNG of 4 pixels a row."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, rows, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress((b"\0" + row) * rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def tiff(bits: int, white_is_zero: bool, samples: bytes, *tags: tuple[int, int, int]) -> bytes:
    """A TIFF of 4 pixels; `tags` are (tag, type, value)."""
    own = [(256, 3, 4), (257, 3, 1), (258, 3, bits), (262, 3, int(not white_is_zero))]
    own += [(273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, len(samples)), *tags]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in sorted(own))
    directory = struct.pack("<H", len(own)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(samples)) + samples + directory


def grey(data: bytes) -> list[int]:
    image = canonical_image(data, 640)
    assert isinstance(image, CanonicalImage), image
    assert (image.pixels == image.pixels[:1, :, :1]).all()
    return [int(value) for value in image.pixels[0, :, 0]]


@pytest.mark.parametrize("vast", [False, True])
def test_chunks_beside_a_pngs_pixels_cost_nothing(vast: bool) -> None:
    plain = grey(png(8, 0, b"\0\x50\xa0\xff"))
    text = zlib.compress(bytes(3_000_000)) if vast else b"?"
    for kind in (b"zTXt", b"iTXt", b"iCCP", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"acTL", b"fcTL"):
        for start in (b"mxfile\0\0", b"mxfile\0\1\0\0\0", b""):
            assert grey(png(8, 0, b"\0\x50\xa0\xff", chunk(kind, start + text))) == plain, kind
    damaged = bytearray(chunk(b"tEXt", b"a\0b"))
    damaged[9] ^= 1
    assert isinstance(canonical_image(png(8, 0, bytes(4), bytes(damaged)), 640), Violation)


@pytest.mark.parametrize(
    ("depth", "colour", "row", "transparent"),
    [
        (2, 0, b"\x1b", b"\0\1"),  # 0 1 2 3
        (4, 0, b"\x05\xaf", b"\0\5"),
        (8, 0, b"\0\x55\xaa\xff", b"\0\x55"),
        (16, 0, b"\0\0\x55\x12\xaa\xaa\xff\xff", b"\x55\x12"),
        (
            16,
            2,
            b"".join(3 * s for s in (b"\0\0", b"U\x12", b"\xaa\xaa", b"\xff\xff")),
            3 * b"U\x12",
        ),
    ],
)
def test_a_pngs_transparent_colour_becomes_white_at_any_depth(
    depth: int, colour: int, row: bytes, transparent: bytes
) -> None:
    assert grey(png(depth, colour, row)) == [0, 85, 170, 255]
    assert grey(png(depth, colour, row, chunk(b"tRNS", transparent))) == [0, 255, 170, 255]


def test_a_tiffs_samples_are_read_by_their_bits_and_their_white() -> None:
    words = struct.pack("<4H", 0, 0x5512, 0xAAAA, 0xFFFF)
    assert grey(tiff(16, False, words)) == [0, 85, 170, 255]
    assert grey(tiff(16, True, words)) == [255, 170, 85, 0]
    assert grey(tiff(8, True, b"\0\x55\xaa\xff")) == [255, 170, 85, 0]
    assert grey(tiff(12, False, bytes.fromhex("000551aaafff"))) == [0, 85, 170, 255]
    for kind in VALUES:
        odd = (700, kind, 8)  # XMP, which is bytes
        assert grey(tiff(8, False, b"\0\x55\xaa\xff", odd)) == [0, 85, 170, 255], kind


def test_damaged_exif_leaves_the_pixels() -> None:
    sound = canonical_image(photo(exif()), 640)
    assert isinstance(sound, CanonicalImage)
    for damage in (b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0XX\0\0" + bytes(30)):
        read = canonical_image(photo(damage), 640)
        assert isinstance(read, CanonicalImage), read
        assert read.name == sound.name


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encode(picture(1), "AVIF"), "AVIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf" + bytes(40), "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "HEIC"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg width='9'></svg>", "SVG"),
        (b"<!DOCTYPE html><html>not found</html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"%PDF-1.7\n", "PDF"),
        (encode(picture(1), "ICO"), "icon"),
        (encode(picture(1), "JPEG2000"), "JPEG 2000"),
        (encode(picture(1), "PPM"), "PNM"),
        (b"iVBORw0KGgoAAAANSUhEUg==", "base64"),
        (b"nothing at all", "no picture"),
    ],
)
def test_a_format_that_is_not_read_is_named_in_the_same_words_twice(data: bytes, name: str) -> None:
    first, second = canonical_image(data, 640), canonical_image(bytes(bytearray(data)), 640)
    assert isinstance(first, Violation)
    assert first == second
    assert (first.reason, name in first.message) == ("image_corrupt", True), first.message
    assert "0x" not in first.message


@pytest.mark.parametrize("kind", [np.int32, np.uint32])
def test_samples_without_a_known_white_are_refused(kind: type) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(200, dtype=np.int32).reshape(10, 20)).save(buffer, "TIFF")
    data = buffer.getvalue()
    if kind is np.uint32:  # SampleFormat 2 becomes 1
        tag = struct.pack("<HHI", 339, 3, 1)
        data = data.replace(tag + b"\2", tag + b"\1")
    violation = canonical_image(data, 640)
    assert isinstance(violation, Violation)
    assert (violation.reason, "32-bit" in violation.message) == ("image_mode", True)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_looks_as_if_it_were_decoded_whole(mode: str, orientation: int) -> None:
    drawn = Image.radial_gradient("L").resize((2571, 1301)).convert(mode)
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=95, exif=exif((0x112, 3, struct.pack(">H", orientation))))
    small = canonical_image(buffer.getvalue(), 640)
    assert isinstance(small, CanonicalImage)
    upright = drawn.convert("RGB")
    upright = upright.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else upright
    size = (640, 324) if orientation == 1 else (324, 640)
    assert small.size == size
    expected = np.asarray(upright.resize(size, Image.Resampling.LANCZOS), dtype=np.int16)
    assert np.abs(small.pixels - expected).mean() < 1.5
    again = canonical_image(buffer.getvalue(), 640)
    assert isinstance(again, CanonicalImage)
    assert again.name == small.name


def test_one_large_image_at_a_time() -> None:
    entered = []

    class Turn:
        def __enter__(self) -> None:
            entered.append("large")

        def __exit__(self, *_: object) -> None:
            pass

    canonical_image(encode(picture(1, (4000, 2010))), 640, Turn())
    assert entered == ["large"]
    canonical_image(encode(picture(1, (400, 210))), 640, Turn())
    canonical_image(encode(picture(1, (4000, 2010)), "JPEG"), 640, Turn())  # decoded halved
    assert entered == ["large"]
