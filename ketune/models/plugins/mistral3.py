"""ms-swift plugin: Mistral 3 and Ministral 3 in batches whose images differ in size.

ms-swift concatenates pixel values, which needs equal sizes. Padding changes nothing: Pixtral's
tower cuts every image back to its `image_sizes` before its first layer.
"""

from dataclasses import replace
from typing import Any

from swift.template import TEMPLATE_MAPPING, register_template
from torch.nn.functional import pad

_NAMES = ("mistral_2503", "mistral_2506", "mistral_2512", "mistral_2512_thinking")


class PaddedImages:
    """Laid over a template: pixel values (images, channels, height, width) get the largest size."""

    def _data_collator_mm_data(self, batch: list[dict[str, Any]]) -> dict[str, Any]:
        images = [row["pixel_values"] for row in batch if row.get("pixel_values") is not None]
        if images:
            height, width = (max(image.shape[axis] for image in images) for axis in (2, 3))
            batch = [_padded(row, height, width) for row in batch]
        collated: dict[str, Any] = super()._data_collator_mm_data(batch)  # type: ignore[misc]
        return collated


def _padded(row: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    image = row.get("pixel_values")
    if image is None:
        return row
    return row | {
        "pixel_values": pad(image, (0, width - image.shape[3], 0, height - image.shape[2]))
    }


for _name in _NAMES:
    _meta = TEMPLATE_MAPPING[_name]
    _class = type(_meta.template_cls.__name__, (PaddedImages, _meta.template_cls), {})
    register_template(replace(_meta, template_cls=_class), exist_ok=True)
