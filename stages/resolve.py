"""resolve: the base model of params.yaml → models/base.json, the commit or digest it stands for.

A branch of the hub moves. Every later stage takes the commit that was found here, until `model` or
`model_revision` changes or `dvc repro --force --single-item resolve` asks the hub again.
"""

from ketune.devices.device import require_device
from ketune.models.locate import Resolved, locate_model
from ketune.params import load_params
from ketune.paths import RESOLVED
from ketune.runtime import stage_main, write_json


def main() -> None:
    """Write models/base.json."""
    params = load_params()
    require_device(params)
    model = locate_model(params.model, params.model_revision)
    resolved: Resolved = {
        "model": params.model,
        "model_revision": params.model_revision,
        "commit": model.revision,
        "digest": model.digest,
    }
    write_json(RESOLVED, resolved)
    print(f"{params.model} at {params.model_revision} is {model.digest[:12]}")


if __name__ == "__main__":
    stage_main(main)
