"""A directory in which stages run as in the repository, on a tiny model and a few rows."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from ketune.params.profile import profile_changes
from ketune.runtime import file_sha256
from tests.projects import write_params
from tests.training.conftest import ROOT

TINY = ROOT / "tests" / "assets" / "tiny-qwen3-vl"
EVERY = 2  # steps between evaluations, of 6


class Workspace:
    """A directory that the stages take for the repository, with a cache of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "cache"
        (root / "tests").mkdir(parents=True)
        for name in ("stages", "ketune", "requirements.lock", "tests/assets"):
            (root / name).symlink_to(ROOT / name)
        for name in ("profiles", "baselines"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "params.yaml", root)
        small = {"generation.batch_size": 4, "generation.max_new_tokens": 12}
        small |= {"eval_steps": EVERY, "save_steps": EVERY, "logging_steps": 1}
        write_params(root, profile_changes("smoke", root) | small)
        for split, rows in (("train", 24), ("validation", 8), ("test", 6)):
            self._write_split(split, rows)

    def set(self, **values: Any) -> None:
        """Change params.yaml as `dvc exp run -S` does; keys may be dotted."""
        write_params(self.root, values)

    def start(self, *stage: str) -> subprocess.Popen[str]:
        environment = os.environ | {"KETUNE_CACHE": str(self.cache)}
        environment.pop("OMP_NUM_THREADS", None)
        return subprocess.Popen(
            [sys.executable, "-m", *stage],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *stage: str) -> str:
        process = self.start(*stage)
        output, errors = process.communicate()
        assert process.returncode == 0, errors[-4000:]
        return output

    def json(self, path: str) -> Any:
        return json.loads((self.root / path).read_text())

    def digests(self, path: str) -> dict[str, str]:
        return {file.name: file_sha256(file) for file in sorted((self.root / path).iterdir())}

    def _write_split(self, split: str, rows: int) -> None:
        images = self.root / "data" / "prepared" / "images"
        images.mkdir(parents=True, exist_ok=True)
        with (images.parent / f"{split}.jsonl").open("w") as file:
            for row in range(rows):
                picture = Image.new("RGB", (96 + 32 * (row % 3), 64), (20 * row % 256, 90, 200))
                name = hashlib.sha256(picture.tobytes()).hexdigest()[:16] + ".png"
                picture.save(images / name)
                multimodal = row % 2 == 0
                question = f"Write a circuit of {row % 5 + 1} qubits."
                answer = f"from qiskit import QuantumCircuit\nqc = QuantumCircuit({row % 5 + 1})\n"
                sample = {
                    "id": f"{split}-{row:06d}",
                    "messages": [
                        {"role": "user", "content": "<image>" * multimodal + question},
                        {"role": "assistant", "content": answer},
                    ],
                    "images": [f"data/prepared/images/{name}"] if multimodal else [],
                    "type": "code_generation",
                    "category": "circuits_and_gates",
                    "test_code": "def check(candidate): ...",
                    "entry_point": "build",
                    "multimodal": multimodal,
                    "source": "",
                    "contaminated_by": [],
                }
                file.write(json.dumps(sample) + "\n")
