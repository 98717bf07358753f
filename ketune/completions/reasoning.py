"""The answer in what a model wrote: without its reasoning, channels and the tokens of a chat.

Reasoning stands between tags, which differ by family (Qwen, DeepSeek, Phi, Granite: <think>; Seed:
<seed:think>; Magistral: [THINK]; Kimi: ◁think▷; Cohere: <|START_THINKING|>; OpenThinker:
<|begin_of_thought|>) or in a channel of its own (GPT-OSS). A template may open it in the prompt,
so that the closing tag alone is there. Reasoning that never ends leaves no answer. A tag that is
quoted, or stands in code that parses, is the answer's own.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cache

from ketune.completions.indentation import aligned
from ketune.completions.markdown import Fenced, fenced_blocks

_WORDS = (
    r"think|thinking|thought|thoughts|reasoning|reflection|analysis|scratch_?pad|inner_thoughts"
    r"|(?:seed|longcat|mm):?_?think|antml:thinking"
)
# Each family: what opens its reasoning, and what ends it.
_FAMILIES = (
    (rf"<(?:{_WORDS})(?:[ ][^<>\n]{{0,80}})?>", rf"</(?:{_WORDS})>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|channel>thought", r"<channel\|>"),
)
_TAG = re.compile(
    # What is in quotes is passed over; an apostrophe quotes nothing.
    r"`[^`\n]++`|\"[^\"\n]*+\"|(?<!\w)'[^'\n]*+'|"
    + "|".join(
        rf"(?P<open{i}>{opening})|(?P<close{i}>{closing})"
        for i, (opening, closing) in enumerate(_FAMILIES)
    ),
    re.IGNORECASE,
)
_TAG_ALONE = re.compile("|".join(closing + "|" + opening for opening, closing in _FAMILIES), re.I)

_MESSAGE = re.compile(
    r"<\|channel\|>\s*(\w+)[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,80})?<\|message\|>"
)
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same where the tokens themselves were dropped.
_BARE_ANALYSIS = re.compile(r"\A\s*(?:assistant)?analysis(?=[A-Z][a-z'\u2019]*,? [a-z])")
_BARE_FINAL = "assistantfinal"
_SPOKEN = re.compile(r"\A\s*Here(?:'s| is) my thought process:")
_SPOKEN_END = re.compile(r"^[ \t]*Here(?:'s| is) my response:", re.MULTILINE)

_START = re.compile(
    r"\A(?:\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|im_start\|>(?:assistant)?|<\|assistant\|>"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model|<\|python_tag\|>"
    r"|<\|start\|>assistant(?=<\|)|<\|CHATBOT_TOKEN\|>|<\|START_RESPONSE\|>"
    r"|<\|begin_of_solution\|>|<\|start_of_role\|>assistant<\|end_of_role\|>))+"
)
# A token that ends a turn does so at the end of a line or before another token, never in a text.
_END = re.compile(
    r"(?:</s>|<eos>|<end_of_turn>|<[|\uff5c](?:im_end|endoftext|eot_id|eom_id|end_of_text|end|return|EOT"
    r"|END_RESPONSE|END_OF_TURN_TOKEN|end_of_solution|end▁of▁sentence|assistant|user|im_start)[|\uff5c]>"
    r"|\[/?INST\])(?=[ \t]*(?:$|<[|\uff5c]|</s>))",
    re.MULTILINE,
)
_WRAPPED = re.compile(r"\A\s*<(answer|response|solution|final_answer|output)>", re.IGNORECASE)


def strip_reasoning(text: str) -> str:
    """The answer in `text`: without reasoning and without tokens of the chat. In linear time."""
    text = _final_channel(text)
    if _TAG_ALONE.search(text):
        text = _without_tagged(text)
    if _SPOKEN.match(text):
        end = _SPOKEN_END.search(text)
        text = text[end.end() :] if end else ""
    text = _START.sub("", text)
    is_code = _code_of(text)
    ends = (match.start() for match in _END.finditer(text))
    text = text[: next((end for end in ends if not is_code(end)), len(text))]
    return _unwrapped(text)


def _code_of(text: str) -> Callable[[int], bool]:
    """Whether what stands at a position of `text` is part of code that parses."""

    @cache
    def blocks() -> list[Fenced]:
        return fenced_blocks(text)[0]

    @cache
    def whole() -> bool:
        return aligned(text) is not None

    @cache
    def parses(index: int) -> bool:
        return aligned(blocks()[index].content) is not None

    def is_code(position: int) -> bool:
        index = bisect_right(blocks(), position, key=lambda block: block.start) - 1
        within = index >= 0 and position < blocks()[index].end
        return (within and parses(index)) or whole()

    return is_code


def _final_channel(text: str) -> str:
    """What a model that writes in channels says to the user; `text` where there are none."""
    messages = list(_MESSAGE.finditer(text)) if "<|message|>" in text else []
    if messages and not text[: messages[0].start()].rstrip().endswith(("`", '"', "'")):
        final = [message for message in messages if message[1] == "final"]
        if not final:
            return ""
        end = _MESSAGE_END.search(text, final[-1].end())
        return text[final[-1].end() : end.start() if end else len(text)]
    if _BARE_ANALYSIS.match(text) or text.lstrip().startswith(_BARE_FINAL):
        return text.partition(_BARE_FINAL)[2]
    return text


def _without_tagged(text: str) -> str:
    is_code = _code_of(text)
    tags = [match for match in _TAG.finditer(text) if match.lastgroup]
    last_end = {str(tag.lastgroup).removeprefix("close"): tag.start() for tag in tags}
    kept: list[str] = []
    position, inside = 0, ""
    for tag in tags:
        kind = str(tag.lastgroup)
        family = kind.removeprefix("open").removeprefix("close")
        if inside:
            if kind == f"close{inside}":
                position, inside = tag.end(), ""
            continue
        if tag.start() < position or is_code(tag.start()):
            continue
        if kind.startswith("close"):
            # It was opened in the prompt: all that came before is reasoning.
            kept, position = [], tag.end()
            continue
        before = text[max(0, tag.start() - 200) : tag.start()]
        starts_line = not before.rpartition("\n")[2].strip()
        if starts_line or last_end.get(family, -1) > tag.start():
            kept.append(text[position : tag.start()])
            inside = family
    return "".join([*kept, "" if inside else text[position:]])


def _unwrapped(text: str) -> str:
    """What <answer> or the like holds where it is all of the answer."""
    opening = _WRAPPED.match(text)
    if not opening:
        return text
    closing = list(re.finditer(rf"</{opening[1]}>", text, re.IGNORECASE))
    return text[opening.end() : closing[-1].start() if closing else len(text)]
