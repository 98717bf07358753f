"""ms-swift plugin: max_pixels bounds what InternVL sees of an image.

InternVL cuts an image into tiles of 448 by 448 pixels, at most 12, and enlarges it to fill them:
shrinking the image alone, as ms-swift does, saves nothing. Here max_pixels bounds the pixels of
the tiles. The thumbnail of the whole image that follows several tiles comes on top.
"""

from dataclasses import replace
from typing import Any

from swift.template import TEMPLATE_MAPPING, register_template

_FILES = ("internvl_hf",)  # tiles as the model's own processor files say
_CODE = ("internvl2_5", "internvl3_5")  # the form with code of its own: tiles as ms-swift says


class BoundedTilesOfFiles:
    """Laid over the template of models in transformers' own format."""

    max_pixels: int | None
    processor: Any

    def init_env_args(self) -> None:
        super().init_env_args()  # type: ignore[misc]
        if self.max_pixels is not None:
            images = self.processor.image_processor
            tile = images.size["height"] * images.size["width"]
            images.max_patches = min(images.max_patches, max(1, self.max_pixels // tile))


class BoundedTilesOfCode:
    """Laid over the template of models with code of their own."""

    max_pixels: int | None
    input_size: int
    max_num: int

    def init_env_args(self) -> None:
        super().init_env_args()  # type: ignore[misc]
        if self.max_pixels is not None:
            self.max_num = min(self.max_num, max(1, self.max_pixels // self.input_size**2))


for _names, _bound in ((_FILES, BoundedTilesOfFiles), (_CODE, BoundedTilesOfCode)):
    for _name in _names:
        _meta = TEMPLATE_MAPPING[_name]
        _class = type(_meta.template_cls.__name__, (_bound, _meta.template_cls), {})
        register_template(replace(_meta, template_cls=_class), exist_ok=True)
