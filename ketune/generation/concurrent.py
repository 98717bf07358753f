"""Many prompts under way at a time, each recorded when it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ketune.generation.prompts import Answer, Prompt, Record
from ketune.runtime import StageError


async def answer_concurrently(
    batches: Sequence[Sequence[Prompt]],
    width: int,
    answer: Callable[[Prompt], Awaitable[tuple[list[Answer], int]]],
    record: Record,
) -> None:
    """Answer batches of one prompt each, at most `width` at a time, in any order.

    `answer` returns n_samples answers and the tokens they took. Raises the first StageError that it
    raises, when the prompts under way then are answered and recorded.
    """
    todo = iter(batches)
    failures: list[StageError] = []

    async def work() -> None:
        for (prompt,) in todo:
            try:
                answers, tokens = await answer(prompt)
            except StageError as error:
                failures.append(error)
            else:
                record([prompt], [answers], tokens)
            if failures:
                return

    await asyncio.gather(*(work() for _ in range(width)))
    if failures:
        raise failures[0]
