"""Rebuild the tiny base model: `python -m tools.tiny.build --work DIR --out DIR`.

Needs the dev extra (Qwen's token ranks) and a C++ compiler (torch.compile). Same seed, machine
and versions give the same bytes; what is in `--work` is reused, so a killed build goes on where it
was.
"""

import argparse
import json
import shutil
from itertools import chain
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3VLForConditionalGeneration,
)

from ketune.runtime import file_sha256
from tools.tiny.architecture import tiny_config, tiny_processor
from tools.tiny.corpus import SYSTEM, documents, write_corpus, write_pictures
from tools.tiny.pretrain import Corpus, Recipe, pretrain
from tools.tiny.tokenizer import restricted_tokenizer

ASSET = Path("tests/assets/tiny-qwen3-vl")
SAMPLES = 40_000
PICTURES = 7_000
RECIPE = Recipe()


def prepare(work: Path, seed: int, workers: int) -> PreTrainedTokenizerFast:
    """Write the tokenizer, corpus and pictures to `work`, unless there; return the tokenizer."""
    if not (work / "tokenizer").exists():
        texts = (document.prompt + document.answer for document in documents(seed, SAMPLES))
        restricted_tokenizer(chain([SYSTEM], texts)).save_pretrained(work / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    if not (work / "pictures.npy").exists():
        pictures = write_corpus(work, documents(seed, SAMPLES), tokenizer, PICTURES)
        write_pictures(work / "pictures.npy", pictures, workers)
    return tokenizer


def export(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    work: Path,
    out: Path,
) -> None:
    """Write the loadable model directory to `out`, replacing its files but not its README."""
    fresh = work / "export"
    shutil.rmtree(fresh, ignore_errors=True)
    tiny_processor(tokenizer).save_pretrained(fresh)
    copy = Qwen3VLForConditionalGeneration(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(fresh)
    shutil.copy(work / "pretrain.log", fresh)
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(fresh.iterdir()):
        file.chmod(0o644)
        file.replace(out / file.name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="scratch directory of this build")
    parser.add_argument("--out", type=Path, default=ASSET, help="model directory to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--snapshots", action="store_true", help="write --out at every checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    tokenizer = prepare(arguments.work, RECIPE.seed, arguments.threads)
    torch.manual_seed(RECIPE.seed)
    model = Qwen3VLForConditionalGeneration(tiny_config(tokenizer))
    pad = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    corpus = Corpus(arguments.work, RECIPE, pad, model.config.image_token_id)
    for step in pretrain(model, corpus, RECIPE, arguments.work):
        if arguments.snapshots or step == RECIPE.steps:
            export(model, tokenizer, arguments.work, arguments.out)
    weights = arguments.out / "model.safetensors"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"parameters": parameters, "sha256": file_sha256(weights)}))


if __name__ == "__main__":
    main()
