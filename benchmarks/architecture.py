"""Qwen3-VL-8B-Instruct's architecture, as its published config.json states it."""

import json
from pathlib import Path
from typing import Any

_CONFIGS = Path(__file__).parents[1] / "ketune/planning/configs"
QWEN3_VL_8B: dict[str, Any] = json.loads(
    (_CONFIGS / "Qwen--Qwen3-VL-8B-Instruct.json").read_text(encoding="utf-8")
)
