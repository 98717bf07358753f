"""The forms in which chat models give the same answer."""

import ast
import textwrap
from collections.abc import Iterator

USAGE = "First:\n```bash\npip install qiskit\n```\n"
PROSE = (
    "Here is the solution you asked for:",
    "It builds the circuit, as asked.\nThen it returns.",
)


def forms(stub: str, body: str, entry_point: str) -> Iterator[tuple[str, str]]:
    """(name, completion) of each form of the answer `body` to `stub`."""
    body = body.strip("\n")
    whole = _without_placeholder(stub) + "\n" + body + "\n"
    function = next(n for n in ast.parse(whole).body if getattr(n, "name", "") == entry_point)
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([function.lineno, *(node.lineno for node in function.decorator_list)])
    lines = whole.split("\n")
    alone = "\n".join(lines[first - 1 : function.end_lineno])
    before = "\n".join(lines[: first - 1])
    flat = textwrap.dedent(body)
    yield "body at four spaces", body
    yield "body at column zero", flat
    yield "body whose first line lost its indentation", body.lstrip()
    for tag in ("python", "py", "python3", "Python", ""):
        yield f"fenced {tag}", f"```{tag}\n{whole}```"
        yield f"body fenced {tag}", f"```{tag}\n{body}\n```\n"
        yield f"flat body fenced {tag}", f"```{tag}\n{flat}\n```"
    yield "fence not closed", f"Sure!\n\n```python\n{whole}"
    yield "fence in a list", "1. So:\n" + textwrap.indent(f"```python\n{flat}\n```", "   ")
    yield "tildes", f"~~~python\n{whole}~~~\n"
    yield "Windows line ends", f"```python\n{whole}```\n".replace("\n", "\r\n")
    yield "prose around a fence", f"{PROSE[0]}\n\n```python\n{whole}```\n\n{PROSE[1]}"
    yield "prose around no fence", f"{PROSE[0]}\n\n{whole}\n\n{PROSE[1]}"
    yield "prose around a body", f"{PROSE[0]}\n\n{body}\n\n{PROSE[1]}"
    yield "imports not repeated", f"```python\n{alone}\n```"
    yield "imports not repeated, no fence", alone
    yield "whole program", whole
    yield (
        "several blocks",
        f"{USAGE}Imports:\n```python\n{before}\n```\nThe function:\n```python\n{alone}\n```\n"
        f"Use:\n```python\nprint({entry_point}(undefined))\n```\nOutput:\n```\n{{'00': 5}}\n```",
    )
    draft = f"```python\ndef {entry_point}(): pass\n```"
    yield "reasoning", f"<think>\nLet me see.\n{draft}\n</think>\n\n```python\n{whole}```"
    yield "reasoning opened in the prompt", f"Let me see.\n{draft}\n</think>\n\n{body}"
    yield "draft and final", f"{draft}\nNo, better:\n```python\n{whole}```"


def _without_placeholder(stub: str) -> str:
    return stub.rstrip().removesuffix("pass").rstrip()
