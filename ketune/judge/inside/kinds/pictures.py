"""Images of Pillow, as their pixels."""

from typing import Any

from PIL import Image

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "HSV", "LAB", "YCbCr", "I", "F", "I;16"}
_MAX_SIDE = 1 << 16


def _take(value: Any, encoder: Encoder) -> list[Node]:
    if value.mode not in _MODES:
        raise Unencodable(f"an image of mode {value.mode}")
    palette = value.getpalette("RGB") if value.mode == "P" else None
    return [value.mode, list(value.size), encoder.block(value.tobytes()), palette]


def _make(decoder: Decoder, mode: Node, size: Node, pixels: Node, palette: Node) -> Any:
    width, height = (decoder.integer(side, 0, _MAX_SIDE) for side in decoder.bare(size))
    data = decoder.raw(pixels)
    blank = Image.new(decoder.choice(mode, _MODES), (min(width, 1), min(height, 1)))
    if not width or not height:
        return Image.new(mode, (width, height))
    row = len(Image.new(mode, (width, 1)).tobytes())
    if row * height != len(data):
        raise Refused(f"an image of {len(data)} bytes, {width} by {height}")
    image = Image.frombytes(blank.mode, (width, height), data)
    if palette is not None:
        image.putpalette([decoder.integer(part, 0, 255) for part in decoder.bare(palette)])
    return image


def _classes() -> tuple[type, ...]:
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin  # noqa: PLC0415

    return (
        Image.Image,
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        GifImagePlugin.GifImageFile,
    )


KINDS = [Kind("Image", _classes(), _take, _make, results=(Image.Image,))]
