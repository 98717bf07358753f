"""Many prompts under way at a time, each recorded when it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ketune.generation.prompts import Answer, Prompt, Record
from ketune.runtime import StageError

_STREAK = 10  # prompts in a row that fail: the others would fail too
_NAMED = 5  # failures that the error names


class PromptError(StageError):
    """A failure of one prompt, which says nothing of the others. Starts with the prompt."""


async def answer_concurrently(
    batches: Sequence[Sequence[Prompt]],
    width: int,
    answer: Callable[[Prompt], Awaitable[tuple[list[Answer], int]]],
    record: Record,
) -> None:
    """Answer batches of one prompt each, at most `width` at a time, in any order.

    `answer` returns n_samples answers and the tokens they took. A PromptError that it raises is
    raised when all others are answered, with the prompts that failed too; any other StageError, and
    the tenth PromptError in a row, when those under way are.
    """
    todo = iter(batches)
    failed: list[PromptError] = []
    fatal: list[StageError] = []
    streak = 0

    async def work() -> None:
        nonlocal streak
        for (prompt,) in todo:
            try:
                answers, tokens = await answer(prompt)
            except PromptError as error:
                failed.append(error)
                streak += 1
                if streak == _STREAK:
                    fatal.append(_all_of(failed, f"; after {_STREAK} in a row no more were asked"))
            except StageError as error:
                fatal.append(error)
            else:
                streak = 0
                record([prompt], [answers], tokens)
            if fatal:
                return

    await asyncio.gather(*(work() for _ in range(width)))
    if fatal or failed:
        raise fatal[0] if fatal else _all_of(failed)


def _all_of(failed: Sequence[PromptError], remark: str = "") -> StageError:
    """One line for all failures: the first whole, of all the prompts."""
    messages = sorted(map(str, failed))
    if len(messages) == 1:
        return StageError(messages[0])
    names = ", ".join(message.partition(": ")[0] for message in messages[:_NAMED])
    more = f" and {len(messages) - _NAMED} more" if len(messages) > _NAMED else ""
    return StageError(
        f"{messages[0]} ({len(messages)} prompts have no answer: {names}{more}{remark})"
    )
