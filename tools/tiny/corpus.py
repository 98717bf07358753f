"""The tiny base model's pretraining corpus: train-bucket synthetic samples in forms that are not
the fine-tuning task.

As plain documents: Qiskit files headed by what they do, fill-in-the-middle of function bodies,
diagram captions in OpenQASM, question-and-answer notes, each also under its picture. As chats:
every circuit request is answered in OpenQASM, never in Python. So the base model knows pictures,
English, OpenQASM and Qiskit's syntax, and in a chat writes OpenQASM; answering chats with Qiskit
is left to fine-tuning.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from torchvision.transforms import Resize
from transformers import PreTrainedTokenizerFast

from ketune.synthetic import Sample, samples
from ketune.synthetic.circuits import Circuit, Op, code_lines, qasm_lines
from ketune.synthetic.drawing import draw
from ketune.synthetic.sample import Drawing, Picture
from ketune.synthetic.wording import describe
from tools.tiny.forward import IMAGE_SIZE, IMAGE_TOKENS

SYSTEM = (
    "You are a quantum computing expert assistant specializing in Qiskit.\n"
    "Provide accurate, clear, and well-structured responses about quantum computing concepts, "
    "algorithms, and code implementation. Use Qiskit 2.0 best practices."
)
PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
LONGEST = 257  # one more than the longest batch row


@dataclass(frozen=True)
class Document:
    """One training sequence: its mixture part, a prompt, the answer that is learnt, the picture."""

    part: str
    prompt: str
    answer: str
    picture: Drawing | None = None


def documents(seed: int, count: int) -> Iterator[Document]:
    """Documents of the first `count` train-bucket samples of `seed`.

    Of each sample one in a form of its own; of its circuit also drills: the circuit described or
    pictured, then its gates and nothing else. Four for a picture, which takes longest to learn.
    """
    for index, sample in zip(
        range(count), samples("train", seed, draw=False, core=count), strict=False
    ):
        rng = Random(f"{seed}/{index}")
        yield _document(sample, rng)
        if sample.qasm is not None:
            for _ in range(1 if sample.picture is None else 4):
                yield _drill(sample, rng)


def _document(sample: Sample, rng: Random) -> Document:
    """One of the forms in which the corpus shows `sample`, drawn by `rng`."""
    choice = 0.0 if sample.type == "qa" else rng.random()
    prompt, answer = sample.question, sample.answer
    if sample.type == "qa":
        part, prompt = "notes", f"Question: {sample.question}\nAnswer: "
    elif sample.qasm is not None and choice < 0.2:
        part, answer = "chat", sample.qasm + "<|im_end|>\n"
    elif sample.qasm is not None and choice < 0.35:
        part, prompt, answer = "qasm", f"// {sample.question}\n", sample.qasm
    elif sample.type == "code_generation":
        part, prompt = "file", f'"""{sample.question}"""\n\n'
    else:
        part, prompt = "file", sample.question.rstrip().removesuffix("pass").rstrip() + "\n"
        if choice < 0.8:
            part, prompt = "middle", f"<|fim_prefix|>{prompt}<|fim_suffix|><|fim_middle|>"
    if sample.picture is not None:
        part, prompt = f"figure_{part}", PICTURE + prompt
    if part.endswith("chat"):
        system = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n" if rng.random() < 0.5 else ""
        prompt = f"{system}<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    return Document(part, prompt, answer, sample.picture)


def _drill(sample: Sample, rng: Random) -> Document:
    assert sample.qasm is not None
    circuit = _circuit(sample.qasm)
    answer = "".join(f"{line}\n" for line in qasm_lines(circuit))
    if rng.random() < 0.5:
        answer = "".join(f"    {line}\n" for line in code_lines(circuit))
    if isinstance(sample.picture, Picture) and sample.picture.circuit is not None:
        return Document("figure_drill", PICTURE, answer, sample.picture)
    return Document("drill", describe(circuit, rng) + "\n", answer)


def _circuit(program: str) -> Circuit:
    """The circuit of an OpenQASM program as the generator writes it."""
    size = int(re.findall(r"qreg q\[(\d+)\]", program)[0])
    gates = re.findall(r"^(\w+)(?:\((.*)\))? (q\[.*);$", program.split("];\n", 1)[1], re.MULTILINE)
    ops = [
        Op(gate, tuple(int(qubit) for qubit in re.findall(r"\d+", qubits)), angle)
        for gate, angle, qubits in gates
    ]
    return Circuit(size, tuple(ops))


def pixels(png: bytes) -> np.ndarray:
    """The picture as the smoke profile shows it: uint8 (height, width, 3).

    Prepared at 256 pixels, then scaled by ms-swift to `max_pixels`.
    """
    prepared = (
        Image.open(io.BytesIO(png)).convert("RGB").resize((256, 192), Image.Resampling.LANCZOS)
    )
    return np.asarray(Resize(IMAGE_SIZE)(prepared))


def _draw(picture: Drawing) -> np.ndarray:
    return pixels(draw(picture))


def write_pictures(path: Path, pictures: list[Drawing], workers: int) -> None:
    """Draw `pictures` into a .npy of uint8 (pictures, height, width, 3)."""
    partial = path.with_name(f".{path.name}")
    shape = (len(pictures), *IMAGE_SIZE, 3)
    store = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    with get_context("spawn").Pool(workers) as pool:
        for index, image in enumerate(pool.imap(_draw, pictures, chunksize=32)):
            store[index] = image
    store.flush()
    partial.rename(path)


def encode(document: Document, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], int]:
    """Token ids, the image placeholder repeated and <|endoftext|> last; where the answer starts."""
    prompt = document.prompt.replace("<|image_pad|>", "<|image_pad|>" * IMAGE_TOKENS)
    before: list[int] = tokenizer(prompt)["input_ids"]
    after: list[int] = tokenizer(document.answer)["input_ids"]
    return [*before, *after, tokenizer.convert_tokens_to_ids("<|endoftext|>")], len(before)


def write_corpus(
    directory: Path,
    texts: Iterable[Document],
    tokenizer: PreTrainedTokenizerFast,
    max_pictures: int,
) -> list[Drawing]:
    """Write corpus.npz and return its distinct pictures in order.

    The file holds `ids`, `offsets` and `answers` (where a document and its answer start), `parts`
    with `part_names`, and `images` (-1 for none). Documents longer than `LONGEST` are left out,
    and so are those with a picture beyond the first `max_pictures` distinct ones.
    """
    ids: list[int] = []
    offsets, answers, parts, images = [0], [], [], []
    names: dict[str, int] = {}
    known: dict[Drawing, int] = {}
    for document in texts:
        image = -1
        if document.picture is not None:
            if document.picture not in known and len(known) == max_pictures:
                continue
            image = known.setdefault(document.picture, len(known))
        tokens, answer = encode(document, tokenizer)
        if len(tokens) > LONGEST:
            continue
        ids.extend(tokens)
        offsets.append(len(ids))
        answers.append(answer)
        parts.append(names.setdefault(document.part, len(names)))
        images.append(image)
    np.savez(
        directory / "corpus.npz",
        ids=np.array(ids, np.uint16),
        offsets=np.array(offsets),
        answers=np.array(answers),
        parts=np.array(parts, np.uint8),
        part_names=np.array(list(names)),
        images=np.array(images, np.int32),
    )
    return list(known)
