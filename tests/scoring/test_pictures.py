"""What a picture shows: the generator knows, and the question tells."""

from collections import Counter
from itertools import islice

from ketune.scoring.pictures import image_type
from ketune.scoring.summary import summarise
from ketune.synthetic.sample import Drawing, Picture
from ketune.synthetic.stream import samples
from tests.statistics.test_summary import outcome


def drawn(picture: Drawing) -> str:
    if not isinstance(picture, Picture):
        return "other"
    if picture.circuit is not None:
        return "circuit"
    return "histogram" if picture.counts else "bloch_sphere"


def test_a_question_tells_what_was_drawn() -> None:
    found = [
        (drawn(sample.picture), image_type(sample.question))
        for sample in islice(samples("test", 3, draw=False), 2000)
        if sample.picture
    ]
    assert {kind for kind, _ in found} == {"circuit", "histogram", "bloch_sphere", "other"}
    wrong = Counter(pair for pair in found if pair[0] != pair[1])
    assert wrong.total() < 0.01 * len(found), wrong


def test_the_word_nearest_to_the_picture_counts() -> None:
    assert image_type("Build a circuit that gives the histogram shown.") == "histogram"
    assert image_type("Plot a histogram of the circuit in the image.") == "circuit"
    assert image_type("from qiskit import QuantumCircuit\ndef f(): ...") == "other"


def test_figures_by_image_type_with_images_and_blanked() -> None:
    kinds = ("circuit", "circuit", "histogram")
    rows = [outcome(i, "passed", multimodal=True, image_type=k) for i, k in enumerate(kinds)]
    blanked = [row | {"condition": "blank_images", "outcome": "wrong_answer"} for row in rows]
    code = summarise([*rows, *blanked], [1])["dataset"]["code"]
    assert code["by_image_type"]["circuit"]["tasks"] == 2
    assert code["by_image_type"]["histogram"]["pass_at_1"] == 1.0
    assert code["by_image_type_blank_images"]["histogram"]["pass_at_1"] == 0.0


def test_pictures_of_one_kind_are_a_slice_too() -> None:
    rows = [outcome(0, "passed", multimodal=True, image_type="circuit"), outcome(1, "passed")]
    assert list(summarise(rows, [1])["dataset"]["code"]["by_image_type"]) == ["circuit"]
