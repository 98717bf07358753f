"""Code blocks in a model's text: every form of fence, and what HTML or a tag encloses.

One pass over the lines. A block ends at the first fence that is not inside one of its string
literals: bare, with words after it, or glued to the last line of the code.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ketune.completions.indentation import aligned
from ketune.completions.literals import state_at_end

_PYTHON = {"", "python", "py", "python2", "python3", "py3", "ipython", "ipython3", "pycon"}
_PYTHON |= {"python-repl", "pyrepl", "jupyter", "sage", "qiskit", "code", "tool_code", "cython"}
_WRAPPERS = {"markdown", "md", "mdx", "rst", "gfm"}
# Tags of what shows a terminal, a result or another language.
_OTHER = {"bash", "sh", "shell", "zsh", "fish", "console", "terminal", "cmd", "bat", "powershell"}
_OTHER |= {
    "text",
    "txt",
    "output",
    "out",
    "result",
    "results",
    "plaintext",
    "plain",
    "log",
    "ascii",
}
_OTHER |= {
    "json",
    "jsonc",
    "yaml",
    "yml",
    "toml",
    "ini",
    "csv",
    "xml",
    "html",
    "css",
    "sql",
    "diff",
}
_OTHER |= {"patch", "latex", "tex", "math", "qasm", "openqasm", "qasm2", "qasm3", "openqasm3"}
_OTHER |= {"c", "cpp", "c++", "java", "javascript", "js", "ts", "typescript", "rust", "go", "r"}
_OTHER |= {"julia", "matlab", "mermaid", "dockerfile", "makefile", "error", "traceback", "stdout"}
_TAGS = _PYTHON | _WRAPPERS | _OTHER

_OPENING = re.compile(r"^(?P<lead>[^`~]*+)(?P<marks>`{3,}+|~{3,}+)(?P<info>[^`\n]*+)$")
_ONE_LINE = re.compile(r"^\s*(`{3,}+)([^`\n]++)`{3,}+[.\s]*$")
_LEAD = re.compile(r"^(?:[ \t]*(?:>|[-*+]|\d{1,3}[.)])(?=[ \t>]|$))*[ \t]*$")
_QUOTE = re.compile(r"^[ \t]*>[ \t]?")
_WORD = re.compile(r"\{?\.?([\w+#.-]*)")
_STATEMENT = re.compile(
    r"(?:import|from|def|class|return|for|while|if|with|try|print|async)\b(?!$)"
)
_ENCLOSED = re.compile(
    r"<(pre)\b[^<>]{0,200}>\s*(?:<code\b[^<>]{0,200}>)?|<(code|python)\b[^<>]{0,200}>|\[(PYTHON)\]"
    r"|<(parameter)=\w{0,80}>|<\|(python_start)\|>|(\\begin\{(?:lstlisting|verbatim|minted)\})(?:[\[{][^\]}\n]{0,80}[\]}])*"
)
_HTML_TAG = re.compile(r"</?(?:code|span|br|b|i)\b[^<>]{0,200}>")
_LOOK_AHEAD = 8  # fences that a string literal may hold before its block counts as unclosed
_FENCE = "~" * 12


@dataclass(frozen=True)
class Fenced:
    """One block of a text: `tag` in lower case, and from where to where its content stands.

    `content` is without the margin or the quotation marks of the text around it.
    """

    tag: str
    content: str
    start: int
    end: int

    @property
    def is_python(self) -> bool:
        """Whether the tag allows that it is Python; unknown ones do, as they are often titles."""
        return self.tag not in _OTHER | _WRAPPERS


def with_fences(text: str) -> str:
    """`text` with fences in place of <pre>, a <code> of several lines, [PYTHON] and their kind."""
    if "&lt;pre" in text and "<pre" not in text:
        text = html.unescape(text)
    parts: list[str] = []
    position, unclosed = 0, set[str]()
    for opening in _ENCLOSED.finditer(text):
        if opening.start() < position:
            continue
        kind = next(filter(None, opening.groups()))
        closing = _closing_of(kind)
        end = -1 if kind in unclosed else text.find(closing, opening.end())
        if end < 0:
            unclosed.add(kind)
            continue
        content = text[opening.end() : end]
        if kind == "code" and "\n" not in content:
            continue
        if kind in {"pre", "code"}:
            content = html.unescape(_HTML_TAG.sub("", content))
        parts += [text[position : opening.start()], f"\n{_FENCE}\n", content.strip("\n")]
        parts.append(f"\n{_FENCE}\n")
        position = end + len(closing)
    return "".join([*parts, text[position:]])


def _closing_of(kind: str) -> str:
    if kind == "PYTHON":
        return "[/PYTHON]"
    if kind == "python_start":
        return "<|python_end|>"
    return kind.replace("begin", "end") if kind.startswith("\\") else f"</{kind}>"


def fenced_blocks(text: str) -> tuple[list[Fenced], str]:
    """The blocks of `text` in order, and the text without them, as many lines as before."""
    lines = text.split("\n")
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    bare = [i for i, line in enumerate(lines) if line.strip(" \t>") in {"```", "````", "~~~"}]
    blocks: list[Fenced] = []
    prose = list(lines)
    wrappers = index = 0
    while index < len(lines):
        opening = _opening(lines[index])
        if opening is None:
            if one := _ONE_LINE.match(lines[index]):
                tag, content = _tag_and_code(one[2])
                blocks.append(Fenced(tag, content, offsets[index], offsets[index + 1] - 1))
                prose[index] = ""
            index += 1
            continue
        lead, marks, info = opening
        tag, first = _tag_and_code(info)
        if tag in _WRAPPERS or (wrappers and not info and bare and index == bare[-1]):
            # A fence around a whole answer that has fences of its own, or the end of that.
            wrappers += tag in _WRAPPERS
            prose[index] = ""
            index += 1
            continue
        depth = lead.count(">") if _LEAD.match(lead) else 0
        margin = len(lead) if not lead.strip() else 0
        end, last, resume = _closing(lines, index + 1, marks, depth, tag)
        content_lines = [_unquoted(line, depth, margin) for line in lines[index + 1 : end]]
        if content_lines and content_lines[0].strip().lower() in _PYTHON - {""}:
            del content_lines[0]  # the tag on a line of its own
        content = "\n".join([*([first] if first else []), *content_lines, *last])
        stop = offsets[end] + (lines[end].find(marks[:3]) if last else 0)
        inner = fenced_blocks(content)[0] if _holds_fences(content, marks) else []
        found = inner or [Fenced(tag, content, 0, 0)]
        blocks += [replace(block, start=offsets[index], end=stop) for block in found]
        prose[index] = lead if not _LEAD.match(lead) else ""
        prose[index + 1 : resume] = [""] * (resume - index - 1)
        index = resume
    return blocks, "\n".join(prose)


def _opening(line: str) -> tuple[str, str, str] | None:
    """(what precedes, marks, info) of a line that opens a block."""
    match = _OPENING.match(line)
    if match is None:
        return None
    lead, marks, info = match["lead"], match["marks"], match["info"].strip()
    if not _LEAD.match(lead) and (marks[0] == "~" or info.lower() not in _TAGS):
        return None  # in the middle of a sentence
    return lead, marks, info


def _tag_and_code(info: str) -> tuple[str, str]:
    """The tag of a fence, and code that stands on the fence's own line."""
    info = info.strip()
    word = _WORD.match(info)
    tag = word[1].lower() if word else ""
    if _STATEMENT.match(info) or (word and info[word.end() :].startswith(("(", " = "))):
        return "", info
    rest = info[len(word[0]) :].strip() if word else info
    return tag, rest if tag in _PYTHON and _STATEMENT.match(rest) else ""


def _closing(
    lines: Sequence[str], start: int, marks: str, depth: int, tag: str
) -> tuple[int, list[str], int]:
    """(end of the content, code on the closing line, line after the block)."""
    earlier: list[tuple[int, list[str], int]] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if depth and not line.lstrip().startswith(">"):
            return earlier[0] if earlier else (index, [], index)
        found = _ends_at(line, index, marks, depth)
        if found is None:
            continue
        content = "\n".join([*lines[start : found[0]], *found[1]])
        state = "code" if tag in _OTHER else state_at_end(content)
        in_comment = state == "comment" and found[1] and not line.rstrip().endswith(marks)
        if state != "string" and not in_comment:
            # Past fences in a literal, what the literal's end makes whole is one block.
            return found if not earlier or aligned(content) is not None else earlier[0]
        if not found[1]:
            earlier.append(found)
        if len(earlier) == _LOOK_AHEAD:
            break
    if not earlier and len(marks) > 3:
        return _closing(lines, start, marks[:3], depth, tag)
    return earlier[0] if earlier else (len(lines), [], len(lines))


def _ends_at(line: str, index: int, marks: str, depth: int) -> tuple[int, list[str], int] | None:
    """As `_closing`, for a line that may be the one: None if it holds no such fence."""
    at = line.find(marks)
    if at < 0:
        return None
    before = _unquoted(line[:at], depth, 0)
    after = line[at:].lstrip(marks[0])
    if before.strip():
        return (index, [before], index + 1) if marks[0] == "`" else None
    if after[:1].strip() and after.strip().lower() in _TAGS:
        return index, [], index  # the next block opens: this one was never closed
    return index, [], index + 1


def _unquoted(line: str, depth: int, margin: int) -> str:
    for _ in range(depth):
        line = _QUOTE.sub("", line, count=1)
    return line[margin:] if not line[:margin].strip() else line


def _holds_fences(content: str, marks: str) -> bool:
    """Whether a long fence is around a text with fences, not around code."""
    inner = "```" in content and (len(marks) > 3 or marks[0] == "~")
    return inner and _opening_within(content) and aligned(content) is None


def _opening_within(content: str) -> bool:
    return any(_opening(line) for line in content.split("\n"))
