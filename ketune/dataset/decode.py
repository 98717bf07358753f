"""Image files to upright RGB on white: what is read, what is refused and in which words."""

import io
import re
import warnings
import zlib
from contextlib import AbstractContextManager, nullcontext

from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from ketune.dataset.contract import Violation
from ketune.runtime import StageError

# Raster formats only: Pillow would hand others (EPS, PDF) to external programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_READ = "PNG, JPEG, WebP, GIF, BMP and TIFF are read"
# Far above any diagram, far below what a decompression bomb needs.
MAX_PIXELS = 50_000_000
# From here on an image takes so much memory that only one may be decoded at a time.
LARGE_PIXELS = 8_000_000
# A JPEG is decoded at a size this many times what is needed, so that Lanczos decides how it looks.
_DRAFT = 2

# How files of other formats begin, or what their first kilobyte holds.
_HEADS = (
    (rb"version https://git-lfs", "a Git LFS pointer: run `git lfs pull` where it came from"),
    (rb".{4}ftyp.{0,64}avi[fs]", "AVIF"),
    (rb".{4}ftyp(?:he[iv]|mif1|msf1)", "HEIC"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)", "an HTML page"),
    (rb"(?:\xef\xbb\xbf)?\s*<.{0,1000}<svg[\s>]|(?:\xef\xbb\xbf)?\s*<svg[\s>]", "SVG"),
    (rb"data:", "a data URL"),
    (rb"iVBORw0KGgo|/9j/|R0lGOD|UklGR", "base64 text of a picture"),
    (rb"%PDF", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]\x00", "an icon"),
    (rb"8BPS", "PSD"),
    (rb"P[1-7]\s", "PNM"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x1f\x8b", "a gzip file, such as SVGZ"),
)
_OTHER = [(re.compile(head, re.DOTALL | re.IGNORECASE), name) for head, name in _HEADS]
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

# EXIF's Orientation to what undoes it.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = {5, 6, 7, 8}

_PNG = b"\x89PNG\r\n\x1a\n"
# What besides the chunks in capitals, which a PNG cannot do without, says how it looks.
_PNG_KEPT = {b"tRNS", b"eXIf"}


def decode(
    data: bytes, max_size: int, large: AbstractContextManager[object] | None = None
) -> tuple[Image.Image, tuple[int, int]] | Violation:
    """The first frame of an image file, and the size that it is to have: longest side at most
    `max_size` pixels, never enlarged.

    A JPEG comes already halved, up to three times, as long as twice that size is left: its decoder
    does that for half the time. `large` is entered around images above LARGE_PIXELS. Reasons:
    image_empty, image_corrupt (not a supported raster format, truncated, damaged), image_too_large
    (more than MAX_PIXELS), image_mode (samples without a known white: floating-point, 32-bit).
    """
    if not data:
        return Violation("image", "image_empty", "has no bytes")
    try:
        # What Pillow would warn of on stderr is refused with its row, or harmless metadata.
        with warnings.catch_warnings(action="ignore"):
            opened = Image.open(io.BytesIO(_without_metadata(data)), formats=_FORMATS)
            if refused := _check_header(opened):
                return refused
            if opened.format == "PNG":
                _scale_transparent_colour(opened, data[len(_PNG) + 16])
            size = fit(opened.size, max_size)
            opened.draft(None, (_DRAFT * size[0], _DRAFT * size[1]))
            if not isinstance(opened.info.get("xmp"), bytes):  # loading a TIFF searches it
                opened.info.pop("xmp", None)
            is_large = opened.width * opened.height > LARGE_PIXELS
            with large if is_large and large else nullcontext():
                opened.load()
                orientation = _orientation(opened)
                image = _on_white(opened)
                if method := _UPRIGHT.get(orientation):
                    image = image.transpose(method)
            return image, size[::-1] if orientation in _SWAPS_SIDES else size
    except Image.DecompressionBombError as error:
        return Violation("image", "image_too_large", str(error))
    except UnidentifiedImageError:
        return Violation("image", "image_corrupt", _what_it_is(data))
    except MemoryError:
        raise StageError("an image does not fit into the free memory; free some") from None
    # Pillow's decoders raise nearly anything on damaged data; it costs the row alone.
    except Exception as error:
        message = f"cannot be decoded: {type(error).__name__}: {error}"
        return Violation("image", "image_corrupt", _ADDRESS.sub("", " ".join(message.split())))


def fit(size: tuple[int, int], max_size: int) -> tuple[int, int]:
    """`size` scaled so that the longest side is at most `max_size`, never up."""
    scale = max_size / max(size)
    if scale >= 1:
        return size
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _check_header(image: Image.Image) -> Violation | None:
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        return Violation("image", "image_too_large", f"is {size}, over {MAX_PIXELS} pixels")
    if image.mode == "F":
        return Violation("image", "image_mode", "has floating-point samples")
    if image.mode == "I":
        message = "has 32-bit or signed samples, of which none is the white"
        return Violation("image", "image_mode", message)
    return None


def _without_metadata(data: bytes) -> bytes:
    """A PNG without the sound chunks that its pixels do not need, or any other file as it is.

    Pillow refuses pictures for them: a source of 1 MB that a drawing carries, an odd resolution.
    """
    if not data.startswith(_PNG):
        return data
    kept, at = [_PNG], len(_PNG)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind, chunk = data[at + 4 : at + 8], data[at:end]
        if kind[:1].isupper() or kind in _PNG_KEPT or not _is_sound(chunk):
            kept.append(chunk)
        at = end
    return b"".join(kept)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _scale_transparent_colour(image: Image.Image, depth: int) -> None:
    """Give a PNG's transparent colour in samples of 8 bits, as Pillow gives the pixels."""
    colour = image.info.get("transparency")
    scale = {2: 85, 4: 17, 16: 1 / 256}.get(depth, 1)
    if isinstance(colour, tuple):
        image.info["transparency"] = tuple(int(sample * scale) for sample in colour)
    elif isinstance(colour, int) and image.mode != "P":
        image.info["transparency"] = int(colour * scale)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    # Damaged metadata says nothing, and is no fault of the pixels.
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Keep the high byte. Pillow's own conversion clips at 255 instead.
        scale, offset = _high_byte(image)
        image = image.convert("I").point(lambda value: value * scale + offset).convert("L")
    if not image.has_transparency_data:
        # convert() copies even what is RGB.
        return image if image.mode == "RGB" else image.convert("RGB")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = rgba.getchannel("A")
    # Most figures are saved with an alpha channel that is opaque throughout.
    if alpha.getextrema() == (255, 255):
        return rgba.convert("RGB")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=alpha)
    return white


def _high_byte(image: Image.Image) -> tuple[float, float]:
    """What makes 8 bits of the samples of 16 bits. A TIFF's may be of 12, or white at 0."""
    tags = getattr(image, "tag_v2", {})
    white = 4095 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535
    scale = 256 / (white + 1)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        return -scale, white * scale
    return scale, 0.0


def _what_it_is(data: bytes) -> str:
    head = data[:1024]
    name = next((name for pattern, name in _OTHER if pattern.match(head)), None)
    if name is None:
        return f"is no picture, or damaged at its head: {_READ}"
    return f"is {name}; {_READ}"
