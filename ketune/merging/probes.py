"""How much of an adapter each layer of a merged model carries.

Whole logits cannot tell in bfloat16: there the rounding of every activation is as large as what an
adapter of a few parts in a hundred changes. A single layer can. What it should be is known: the
weight that its adapted form applies, rounded once to the weights' type. With the same random
inputs, the merged layer's change, projected on that of the expected one, is 1.
"""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_INPUTS = 16  # random vectors a layer
_SEED = 0
_NOTHING = 1e-6  # a change of this share of the output is none: B never left zero


@dataclass(frozen=True)
class Response:
    """A linear layer's answer to fixed random inputs, (inputs, outputs) on the CPU in float32.

    `base` is that of the layer without its adapter, where it has one.
    """

    output: "Tensor"
    base: "Tensor | None" = None


def adapted_responses(network: Any) -> dict[str, Response]:
    """Responses that the adapted linear layers should have when merged.

    By the layer's name in the model without an adapter.
    """
    from peft.tuners.lora import Linear  # noqa: PLC0415

    return {
        name.removeprefix("base_model.model."): Response(
            _expected(layer), _respond(layer.base_layer)
        )
        for name, layer in network.named_modules()
        if isinstance(layer, Linear)
    }


def responses(network: Any, names: list[str]) -> dict[str, Response]:
    """Responses of the linear layers called `names`."""
    return {name: Response(_respond(network.get_submodule(name))) for name in names}


def adapter_shares(adapted: dict[str, Response], merged: dict[str, Response]) -> dict[str, float]:
    """By layer, the share of the adapter's change that the merged layer has: 1 where all is well.

    The least-squares factor c of merged - base = c (expected - base). Layers that the adapter does
    not change, or not by as much as rounding, are left out.
    """
    shares = {}
    for name, response in adapted.items():
        assert response.base is not None
        wanted = (response.output - response.base).double()
        found = (merged[name].output - response.base).double()
        if float(wanted.norm()) > _NOTHING * float(response.base.norm()):
            shares[name] = float((wanted * found).sum() / (wanted * wanted).sum())
    return shares


def _expected(layer: Any) -> "Tensor":
    """The response with the weight that the layer applies, in float32, rounded to its type."""
    import torch  # noqa: PLC0415

    weight = layer.get_base_layer().weight
    with torch.inference_mode():
        exact = copy.deepcopy(layer).float()
        bias = exact(torch.zeros(1, layer.in_features, device=weight.device))
        applied = exact(torch.eye(layer.in_features, device=weight.device)) - bias
        rounded = applied.to(weight.dtype).float()
        output: Tensor = _probes(layer.in_features).to(weight.device) @ rounded + bias
    return output.cpu()


def _respond(layer: Any) -> "Tensor":
    import torch  # noqa: PLC0415

    with torch.inference_mode():
        output: Tensor = copy.deepcopy(layer).float()(
            _probes(layer.in_features).to(layer.weight.device)
        )
    return output.cpu()


def _probes(inputs: int) -> "Tensor":
    import torch  # noqa: PLC0415

    return torch.randn(_INPUTS, inputs, generator=torch.Generator().manual_seed(_SEED))
