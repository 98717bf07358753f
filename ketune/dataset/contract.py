"""The data contract: what a row of the published dataset must be, and why a row is refused.

Declared with pydantic rather than as a data-frame schema (pandera): most rules span fields of one
row (a stub and its body, a test and its entry point), rows are streamed, and every refused row
needs its own reason.
"""

import ast
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ketune.dataset.syntax import binds, compiled, nodes, parse
from ketune.tasks.kinds import Category, SampleType

# Several times what fits any training length; also bounds the work of the Python parser.
MAX_CHARACTERS = 100_000

# Text that a chat template or tokenizer reads as structure: it would open a turn, an image, a tool
# call or a train of thought. Those of the Qwen, InternVL and Mistral families, and ms-swift's own
# placeholders. Markers of the form <|…|> count when their name has an underscore or is listed,
# because a bra and a ket (<|psi|>) are plain text in this field. `<img>…</img>` makes ms-swift load
# a file.
_TEMPLATE_TOKEN = re.compile(
    r"<\|[a-z0-9]+(?:_[a-z0-9]+)+\|>"
    r"|<\|(?:endoftext|system|user|assistant|start|message|end|return|channel|call|plugin"
    r"|interpreter|image|video|audio)\|>"
    r"|</?(?:image|video|audio|bbox|ref-object|cot-process|start-image|end-image|img|ref|box|quad"
    r"|tool_call|tool_response|think)>"
    r"|<(?:IMG_CONTEXT|IMG_START|IMG_END)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CONTENT|THINK)\]"
    r"|\[(?:IMG|IMG_BREAK|IMG_END|TOOL_CALLS)\]"
    r"|<</?SYS>>|</?s>"
)
# Beside white space and the categories control and format: fillers, variation selectors, the empty
# braille cell and others that are drawn as nothing.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\U000e0100-\U000e01ef]"
)
_BLANK_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Violation:
    """Why a row is refused: the column, a reason from a fixed vocabulary, and a sentence."""

    field: str
    reason: str
    message: str


def _clean_text(value: object) -> str:
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PydanticCustomError(
                "not_utf8", "byte {at} is not UTF-8 (a lone surrogate?)", {"at": error.start}
            ) from None
    if not isinstance(value, str):
        raise PydanticCustomError("missing", "is null")
    if "\0" in value:
        raise PydanticCustomError("nul_byte", "holds a NUL byte")
    if _SURROGATE.search(value):
        raise PydanticCustomError("lone_surrogate", "holds a lone surrogate")
    if len(value) > MAX_CHARACTERS:
        raise PydanticCustomError(
            "too_long",
            "has {length} characters, more than {limit}",
            {"length": len(value), "limit": MAX_CHARACTERS},
        )
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _null_is_empty(value: object) -> str:
    return "" if value is None else _clean_text(value)


def _not_blank(value: str) -> str:
    shown = _BLANK.sub("", value)
    # Most texts begin with a letter.
    if all(unicodedata.category(character) in _BLANK_CATEGORIES for character in shown):
        raise PydanticCustomError("blank", "is blank")
    return value


def _no_template_token(value: str) -> str:
    if found := _TEMPLATE_TOKEN.search(value):
        raise PydanticCustomError(
            "template_token", "holds the chat-template token {token}", {"token": found.group()}
        )
    return value


Text = Annotated[str, BeforeValidator(_clean_text)]
OptionalText = Annotated[str, BeforeValidator(_null_is_empty)]
# What the model reads or learns to write.
ModelText = Annotated[Text, AfterValidator(_not_blank), AfterValidator(_no_template_token)]


class Row(BaseModel):
    """The text columns of a row that keeps the contract; the image is checked when it is decoded.

    Line ends are LF; a null test_code, entry_point or source is "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: ModelText
    answer: ModelText
    category: Annotated[Category, BeforeValidator(_clean_text)]
    type: Annotated[SampleType, BeforeValidator(_clean_text)]
    test_code: OptionalText
    entry_point: OptionalText
    source: OptionalText

    @model_validator(mode="after")
    def _code_can_be_judged(self) -> Self:
        if self.type == "qa":
            for field in ("test_code", "entry_point"):
                if getattr(self, field).strip():
                    raise _violation("unexpected_code", field, "a qa row carries code to judge")
            return self
        if not self.entry_point.isidentifier():
            reason = "bad_entry_point" if self.entry_point else "missing_entry_point"
            raise _violation(reason, "entry_point", f"{self.entry_point!r} is not a function name")
        _check_answer(self.type, self.question, self.answer, self.entry_point)
        _check_test(self.test_code)
        return self


def check_row(columns: Mapping[str, bytes | str | None]) -> Row | Violation:
    """The row as the contract's type, or the first violation in column order.

    Text may come as undecoded bytes: a column that is not UTF-8 is one row's fault, not the
    file's.
    """
    try:
        return Row.model_validate(dict(columns))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    context: dict[str, Any] = first.get("ctx", {})
    field = str(first["loc"][0]) if first["loc"] else str(context["field"])
    if first["type"] == "literal_error":
        message = f"is {first['input']!r:.60}, expected {context['expected']}"
        return Violation(field, f"unknown_{field}", message)
    return Violation(field, first["type"], first["msg"])


def reference_program(sample_type: str, question: str, answer: str) -> str:
    """The module a code row's reference answer makes: the stub with the body under it, or the
    whole answer."""
    return f"{question}\n{answer}\n" if sample_type == "function_completion" else answer


def _violation(reason: str, field: str, message: str) -> PydanticCustomError:
    # The message is data, not a template: braces in it must stay as they are.
    return PydanticCustomError(reason, "{message}", {"field": field, "message": message})


def _check_answer(sample_type: str, question: str, answer: str, entry_point: str) -> None:
    program = reference_program(sample_type, question, answer)
    is_stub = sample_type == "function_completion"
    code = compiled(program)
    if isinstance(code, str):
        stub = compiled(question) if is_stub else None
        if isinstance(stub, str):
            raise _violation("stub_syntax", "question", f"the stub does not compile: {stub}")
        raise _violation("answer_syntax", "answer", f"the program does not compile: {code}")
    if not binds(code, entry_point):
        field = "question" if is_stub else "answer"
        message = f"{entry_point} is not defined at the top level"
        raise _violation("entry_point_undefined", field, message)
    if is_stub:
        _check_body(program, question, entry_point)


def _check_body(program: str, question: str, entry_point: str) -> None:
    tree = parse(program)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [] if isinstance(tree, str) else [n for n in nodes(tree) if isinstance(n, definitions)]
    found = [node for node in found if node.name == entry_point]
    if not found:
        raise _violation("entry_point_undefined", "question", f"the stub has no {entry_point}")
    stub_lines = question.count("\n") + 1
    if all((node.end_lineno or 0) <= stub_lines for node in found):
        message = f"adds nothing to the body of {entry_point}: is it indented?"
        raise _violation("answer_not_a_body", "answer", message)


def _check_test(test_code: str) -> None:
    if not test_code.strip():
        raise _violation("missing_test", "test_code", "a code row needs a test")
    if isinstance(problem := compiled(test_code), str):
        raise _violation("test_syntax", "test_code", f"the test does not compile: {problem}")
    tree = parse(test_code)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = [] if isinstance(tree, str) else tree.body
    names = [node.name for node in body if isinstance(node, functions)]
    if not any(name == "check" or name.startswith("test_") for name in names):
        message = "defines neither check(candidate) nor a test_* function"
        raise _violation("empty_test", "test_code", message)
