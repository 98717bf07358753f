"""A base model's config.json without its weights, and how many weights those are.

The recommended base models' are in `configs/`, by hub id, so that a machine without a network can
plan: what of them decides a layer's shape, as transformers 5.19 states it for the release (the
defaults of Ministral3Config and of InternVLVisionConfig among it). Tests build each by transformers
and hold it to the number of parameters that its model card gives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketune.models.locate import Model, model_directory, resolved_model
from ketune.models.settle import read_config
from ketune.params import Params
from ketune.paths import RESOLVED
from ketune.training.flops import Architecture, read_architecture

_SHIPPED = Path(__file__).parent / "configs"
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}  # a weight


@dataclass(frozen=True)
class BaseModel:
    """A base model by its config.json; `architecture` is None where its layers are not known."""

    name: str
    config: Mapping[str, Any]
    architecture: Architecture | None

    @property
    def text(self) -> Mapping[str, Any]:
        """The language model's part of config.json."""
        text: Mapping[str, Any] = self.config.get("text_config", self.config)
        return text

    @property
    def weights(self) -> int | None:
        """Its parameters, but for norms, biases and learned positions (under 0.1 %); else None."""
        if self.architecture is None:
            return None
        tied = self.config.get("tie_word_embeddings", self.text.get("tie_word_embeddings", False))
        embedding = 0 if tied else self.text["vocab_size"] * self.text["hidden_size"]
        layers: int = sum(part.weights for part in self.architecture.parts.values())
        return layers + int(embedding)


def base_model(params: Params, root: Path = Path()) -> BaseModel:
    """The base model of the parameters. Nothing is downloaded but, for one that is not shipped, its
    config.json.

    Raises StageError: no such directory or hub model, the hub cannot be reached.
    """
    config = shipped_config(params.model) or read_config(_model(params, root))
    return BaseModel(params.model, config, read_architecture(config))


def shipped_config(name: str) -> dict[str, Any] | None:
    """The config.json that is shipped of a hub model, None if there is none."""
    path = _SHIPPED / f"{name.replace('/', '--')}.json"
    if not path.is_file():
        return None
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def _model(params: Params, root: Path) -> Model:
    if model_directory(params.model) is not None:
        return Model(params.model, None, "")  # a digest would read all weights
    return resolved_model(params.model, params.model_revision, root / RESOLVED)
