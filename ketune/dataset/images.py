"""Images: decode whatever a row carries, store one canonical PNG per content."""

import math
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from ketune.dataset.contract import Violation
from ketune.dataset.decode import decode

# Qwen3-VL: patches of 16 pixels, merged 2 by 2, so one token a 32 by 32 block, with the pixel
# bounds of Qwen/Qwen3-VL-8B-Instruct's preprocessor_config.json.
_BLOCK = 32
_MIN_PIXELS = 65_536
_MAX_PIXELS = 16_777_216
_MAX_ASPECT_RATIO = 200

# InternVL3.5: the processor files of OpenGVLab/InternVL3_5-8B-HF. Grids as (columns, rows).
_TILE, _TILE_TOKENS, _MAX_TILES = 448, 256, 12
_GRIDS = sorted(
    ((c, r) for c in range(1, 13) for r in range(1, 13) if c * r <= _MAX_TILES),
    key=lambda grid: grid[0] * grid[1],
)

# Ministral 3: patches of 14 pixels, merged 2 by 2, of an image of at most 1540 pixels a side.
_MERGED_PATCH, _LONGEST = 28, 1540

_LANCZOS = ResizeOptions(ResizeAlg.convolution(FilterType.lanczos3))
_RESIZER = Resizer()
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # PNG's filter type: each byte less the one above it


# (height, width, 3): red, green, blue.
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class CanonicalImage:
    """An RGB image; `name` is the file it is stored as, from a hash of size and pixels."""

    pixels: Pixels
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width, _ = self.pixels.shape
        return width, height


def canonical_image(
    data: bytes, max_size: int, large: AbstractContextManager[object] | None = None
) -> CanonicalImage | Violation:
    """Decode `data`: first frame, upright, RGB on white, longest side at most `max_size` pixels.

    Never enlarged. `large` as `decode` has it. Reasons: those of `decode`, and image_aspect_ratio
    (above 200, which the model's processor refuses).
    """
    decoded = decode(data, max_size, large)
    if isinstance(decoded, Violation):
        return decoded
    rgb = _shrink(*decoded)
    if max(rgb.size) > _MAX_ASPECT_RATIO * min(rgb.size):
        message = f"is {rgb.width}x{rgb.height}, an aspect ratio above {_MAX_ASPECT_RATIO}"
        return Violation("image", "image_aspect_ratio", message)
    pixels = np.asarray(rgb)
    digest = sha256(f"{rgb.width}x{rgb.height}:".encode())
    digest.update(pixels.data)
    return CanonicalImage(pixels, f"{digest.hexdigest()[:16]}.png")


def encode_png(pixels: Pixels) -> bytes:
    """PNG of an RGB image, without metadata: the same pixels give the same bytes.

    Laid out as in the PNG specification (W3C, third edition, sections 5 and 9), every row filtered
    by Up. Pillow's encoder takes ten times as long for files a fifth smaller.
    """
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), dtype=np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = (b"IHDR", header), (b"IDAT", isal_zlib.compress(filtered, 1)), (b"IEND", b"")
    return _PNG_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def image_tokens(width: int, height: int) -> int:
    """Tokens an image costs Qwen3-VL at its native size, before any `max_pixels` of a run.

    The rule is `smart_resize` of transformers' models/qwen2_vl/image_processing_qwen2_vl.py,
    restated because importing it takes torch and seconds: both sides rounded to multiples of 32,
    then scaled into the processor's pixel bounds.
    """
    rows, columns = round(height / _BLOCK), round(width / _BLOCK)
    pixels = rows * columns * _BLOCK**2
    if pixels > _MAX_PIXELS:
        beta = math.sqrt(height * width / _MAX_PIXELS)
        rows = max(1, math.floor(height / beta / _BLOCK))
        columns = max(1, math.floor(width / beta / _BLOCK))
    elif pixels < _MIN_PIXELS:
        beta = math.sqrt(_MIN_PIXELS / (height * width))
        rows = math.ceil(height * beta / _BLOCK)
        columns = math.ceil(width * beta / _BLOCK)
    return rows * columns


def internvl_tokens(width: int, height: int) -> int:
    """Tokens an image costs InternVL3.5 at its native size, before any `max_pixels` of a run.

    `get_optimal_tiled_canvas` of transformers' models/got_ocr2/image_processing_got_ocr2.py,
    restated for the reason above: the grid of at most 12 tiles whose shape is nearest to the
    image's, each of 256 tokens, and a thumbnail beside several tiles.
    """
    tiles, nearest = 1, math.inf
    for columns, rows in _GRIDS:
        distance = abs(width / height - columns / rows)
        fills = width * height > 0.5 * _TILE**2 * columns * rows
        if distance < nearest or (distance == nearest and fills):
            tiles, nearest = columns * rows, distance
    return _TILE_TOKENS * (tiles + (tiles > 1))


def ministral_tokens(width: int, height: int) -> int:
    """Tokens an image costs Ministral 3 at its native size, before any `max_pixels` of a run.

    `get_resize_output_image_size` of transformers' models/pixtral/image_processing_pixtral.py,
    restated for the reason above: shrunk to 1540 pixels a side, a token for each 28 by 28 pixels
    begun, and one that ends each row.
    """
    ratio = max(1.0, width / _LONGEST, height / _LONGEST)
    columns, rows = (-(-math.floor(side / ratio) // _MERGED_PATCH) for side in (width, height))
    return rows * (columns + 1)


# What an image costs each of the base models that docs/training.md names.
IMAGE_TOKENS: dict[str, Callable[[int, int], int]] = {
    "qwen3_vl": image_tokens,
    "internvl3_5": internvl_tokens,
    "ministral3": ministral_tokens,
}


def _shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image` in `size` pixels, by Lanczos with a = 3, width before height.

    What Pillow gives in that order but for the last bit of a sample in a thousand, in a quarter of
    the time.
    """
    if image.size == size:
        return image
    # Two passes: in one, values would not be clipped in between, as Pillow does.
    for step in ((size[0], image.height), size):
        smaller = Image.new("RGB", step, None)  # not filled first
        _RESIZER.resize_pil(image, smaller, _LANCZOS)
        image = smaller
    return image
