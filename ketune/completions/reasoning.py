"""The reasoning that a model writes before its answer."""

import re

_REASONING = ("think", "thinking", "thought", "reasoning", "reflection", "analysis", "scratchpad")
_TAGS = "|".join(_REASONING)
_REASONING_BLOCK = re.compile(rf"<({_TAGS})>.*?</\1>", re.DOTALL | re.IGNORECASE)
_REASONING_END = re.compile(rf"\A.*</(?:{_TAGS})>", re.DOTALL | re.IGNORECASE)
_REASONING_START = re.compile(
    rf"^[ \t]*<(?:{_TAGS})>.*\Z", re.DOTALL | re.IGNORECASE | re.MULTILINE
)


def strip_reasoning(text: str) -> str:
    """`text` without its tagged reasoning, even where the opening or closing tag is absent."""
    text = _REASONING_BLOCK.sub("", text)
    # A chat template may open the tag in the prompt; a cut-off answer never closes it.
    return _REASONING_START.sub("", _REASONING_END.sub("", text))
