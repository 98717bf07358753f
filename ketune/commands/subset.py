"""A part of a benchmark: how many of how many tasks stand behind a figure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ketune.scoring.pictures import IMAGE_TYPES, image_type
from ketune.tasks.benchmarks import Task


@dataclass(frozen=True)
class Subset:
    """The tasks that were scored, and all that could have been."""

    tasks: Sequence[Task]
    everything: Sequence[Task]

    def counts(self) -> dict[str, dict[str, int]]:
        """{benchmark: {"tasks": scored, "of": all}}."""
        found = Counter(task.benchmark for task in self.tasks)
        whole = Counter(task.benchmark for task in self.everything)
        return {name: {"tasks": found[name], "of": number} for name, number in whole.items()}

    def of(
        self, benchmark: str = "", kind: str = "", part: str = "all", scored: int | None = None
    ) -> str:
        """ "n of m tasks" of a benchmark, of its "code" or "qa", of one of its slices; all by
        default. `scored` gives n where a slice does not follow from the tasks.

        A slice of scorable tasks counts within all of its kind, as others are not known.
        """
        n, m = (
            sum(_belongs(task, benchmark, kind, part) for task in tasks)
            for tasks in (self.tasks, self.everything)
        )
        return f"{n if scored is None else scored} of {m} tasks"


def _belongs(task: Task, benchmark: str, kind: str, part: str) -> bool:
    if benchmark not in {"", task.benchmark} or kind not in {"", _kind(task)}:
        return False
    match part:
        case "all" | "scorable":
            return True
        case "text":
            return not task.multimodal
        case "multimodal" | "multimodal_blank_images":
            return task.multimodal
    if part in IMAGE_TYPES:
        return task.multimodal and image_type(task.question) == part
    return task.category == part


def _kind(task: Task) -> str:
    return "qa" if task.type == "qa" else "code"
