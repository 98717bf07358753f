"""Images: one canonical form, damaged ones refused, token counts as the library has them."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ketune.dataset.contract import Violation
from ketune.dataset.images import (
    CanonicalImage,
    canonical_image,
    encode_png,
    image_tokens,
    internvl_tokens,
    ministral_tokens,
)
from tests.dataset.published import encode, picture


def canonical(data: bytes, max_size: int = 640) -> CanonicalImage:
    result = canonical_image(data, max_size)
    assert isinstance(result, CanonicalImage), result
    return result


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims any size in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "PNG"), ("L", "PNG"), ("1", "PNG"), ("P", "PNG"), ("P", "GIF"), ("LA", "PNG"),
        ("RGBA", "PNG"), ("I;16", "PNG"), ("CMYK", "JPEG"), ("YCbCr", "JPEG"), ("RGB", "WEBP"),
        ("CMYK", "TIFF"), ("RGB", "BMP"),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb_of_the_same_size(mode: str, kind: str) -> None:
    assert canonical(encode(picture(1, mode=mode), kind)).pixels.shape == (64, 96, 3)


def test_transparency_is_laid_on_white() -> None:
    rgba = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    rgba.putpixel((1, 0), (0, 0, 255, 255))
    assert canonical(encode(rgba)).pixels[0].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_half_transparency_is_blended_and_opaque_alpha_is_dropped() -> None:
    half = canonical(encode(Image.new("RGBA", (1, 1), (0, 0, 0, 51))))
    assert half.pixels[0, 0].tolist() == [204, 204, 204]
    opaque = picture(1).copy()
    opaque.putalpha(255)
    assert canonical(encode(opaque)).name == canonical(encode(picture(1))).name


def test_a_rotated_photograph_is_stored_upright() -> None:
    upright = picture(6)
    rotated = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned 90° clockwise
    buffer = io.BytesIO()
    rotated.save(buffer, "PNG", exif=exif)
    assert canonical(buffer.getvalue()).name == canonical(encode(upright)).name


def test_palette_transparency_is_laid_on_white() -> None:
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    palette.info["transparency"] = 0
    pixels = canonical(encode(palette)).pixels
    assert pixels[0].tolist() == [[255, 255, 255], [0, 255, 0]]


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    tones = np.array([[0, 0x4000, 0x8000, 0xFFFF]], dtype=np.uint16)
    pixels = canonical(encode(Image.fromarray(tones))).pixels
    assert pixels[0, :, 0].tolist() == [0, 0x40, 0x80, 0xFF]


def test_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    red = canonical(encode(frames[0])).name
    buffer = encode_gif(frames)
    assert canonical(buffer).name == red


def encode_gif(frames: list[Image.Image]) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def test_large_image_shrinks_and_small_one_is_not_enlarged() -> None:
    assert canonical(encode(picture(1, (1300, 400))), 640).size == (640, 197)
    assert canonical(encode(picture(1, (400, 1300))), 640).size == (197, 640)
    assert canonical(encode(picture(1, (640, 300))), 640).size == (640, 300)
    assert canonical(encode(picture(1, (30, 20))), 640).size == (30, 20)


@settings(max_examples=60)
@given(st.integers(20, 900), st.integers(20, 900), st.integers(32, 640), st.integers(0, 9))
def test_shrinking_is_pillows_lanczos(width: int, height: int, most: int, seed: int) -> None:
    large = picture(seed, (width, height))
    small = canonical(encode(large), most)
    assert max(small.size) == min(most, max(width, height))
    # Pillow shrinks a high image's height first; samples are clipped in between.
    narrow = large.resize((small.size[0], height), Image.Resampling.LANCZOS)
    expected = np.asarray(narrow.resize(small.size, Image.Resampling.LANCZOS), dtype=np.int16)
    difference = np.abs(small.pixels - expected)
    assert difference.max() <= 2
    assert difference.mean() < 0.2


@given(st.integers(1, 40), st.integers(1, 40), st.binary(min_size=0, max_size=4800))
def test_any_pixels_survive_the_file(width: int, height: int, noise: bytes) -> None:
    pixels = np.resize(np.frombuffer(noise or b"\0", dtype=np.uint8), (height, width, 3))
    file = encode_png(pixels)
    with Image.open(io.BytesIO(file)) as opened:
        opened.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)


def test_the_name_is_of_the_pixels_not_of_the_file() -> None:
    image = picture(3)
    assert canonical(encode(image, "PNG")).name == canonical(encode(image, "BMP")).name
    assert canonical(encode(image)).name != canonical(encode(picture(4))).name
    wide, high = Image.new("RGB", (8, 2)), Image.new("RGB", (2, 8))
    assert canonical(encode(wide)).name != canonical(encode(high)).name


def test_a_colour_profile_is_not_stored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    picture(1).save(buffer, "PNG", icc_profile=profile, dpi=(72, 72))
    plain, tagged = canonical(encode(picture(1))), canonical(buffer.getvalue())
    assert plain.name == tagged.name
    assert encode_png(plain.pixels) == encode_png(tagged.pixels)


def test_png_is_lossless_and_repeatable() -> None:
    pixels = canonical(encode(picture(5))).pixels
    again = canonical(encode_png(pixels)).pixels
    assert np.array_equal(pixels, again)
    assert encode_png(pixels) == encode_png(again)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "image_empty"),
        (b"not an image", "image_corrupt"),
        (encode(picture(1))[:-200], "image_corrupt"),
        (encode(picture(1))[:20], "image_corrupt"),
        (encode(picture(1), "JPEG")[:-200], "image_corrupt"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "image_corrupt"),
        (png_of_size(0, 10), "image_corrupt"),
        (png_of_size(8000, 8000), "image_too_large"),
        (png_of_size(60_000, 60_000), "image_too_large"),
        (encode(Image.new("F", (4, 4)), "TIFF"), "image_mode"),
        (encode(Image.new("RGB", (3000, 3))), "image_aspect_ratio"),
    ],
)
def test_unusable_image_is_refused_for_its_reason(data: bytes, reason: str) -> None:
    violation = canonical_image(data, 640)
    assert isinstance(violation, Violation)
    assert (violation.field, violation.reason) == ("image", reason)
    assert "\n" not in violation.message


@settings(max_examples=300)
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_a_damaged_file_never_escapes(
    kind: str, edits: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(encode(picture(2, (24, 16)), kind))
    for place, value in edits:
        data[int(place * len(data))] = value
    result = canonical_image(bytes(data[: int(keep * len(data))]), 640)
    if isinstance(result, CanonicalImage):
        assert result.pixels.shape[2] == 3
    else:
        assert result.reason.startswith("image_")


def test_image_tokens_are_those_of_the_library() -> None:
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import (  # noqa: PLC0415
        smart_resize,
    )

    sizes = [
        (w, h) for w in (1, 15, 16, 17, 48, 200, 333, 640, 5000) for h in (1, 31, 64, 640, 900)
    ]
    for width, height in (size for size in sizes if max(size) <= 200 * min(size)):
        rows, columns = smart_resize(height, width, 32, 256 * 256, 4096 * 4096)
        assert image_tokens(width, height) == rows * columns // 32**2, (width, height)
    assert image_tokens(640, 480) == 300


@given(st.integers(8, 900), st.integers(8, 900))
@example(640, 480)
@example(448, 448)
@example(1600, 1541)
def test_image_tokens_of_other_base_models_are_those_of_the_library(
    width: int, height: int
) -> None:
    from transformers import GotOcr2ImageProcessor  # noqa: PLC0415
    from transformers.models.pixtral.image_processing_pixtral import (  # noqa: PLC0415
        get_resize_output_image_size,
    )

    tiles = GotOcr2ImageProcessor(size={"height": 448, "width": 448}, crop_to_patches=True)
    seen = tiles.get_number_of_image_patches(height, width, {})
    assert internvl_tokens(width, height) == 256 * seen
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    rows, columns = get_resize_output_image_size(pixels, size=1540, patch_size=28)
    assert ministral_tokens(width, height) == rows // 28 * (columns // 28 + 1)
