"""ms-swift plugin: the template `tiny_qwen3_vl` of the tiny Qwen3-VL.

ms-swift's Qwen3-VL template hard-codes the image and video token ids of the full vocabulary; the
tiny model's smaller vocabulary has other ids, which its config.json states.
"""

from swift.template import register_template
from swift.template.templates.qwen import Qwen3VLTemplate, QwenTemplateMeta

TEMPLATE = "tiny_qwen3_vl"


class TinyQwen3VLTemplate(Qwen3VLTemplate):  # type: ignore[misc]
    """Qwen3-VL's template with the media token ids of the model's own configuration."""

    def init_env_args(self) -> None:
        super().init_env_args()
        self.image_token_id = self.config.image_token_id
        self.video_token_id = self.config.video_token_id


register_template(
    QwenTemplateMeta(TEMPLATE, template_cls=TinyQwen3VLTemplate, default_system=None),
    exist_ok=True,
)
