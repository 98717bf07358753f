# ruff: noqa: E501 (an answer a line)
"""What models wrote around a right answer: each becomes the program that they meant."""

import json
from typing import Any

import pytest

from ketune.completions.extract import extract_code
from ketune.completions.reasoning import strip_reasoning
from ketune.completions.stitch import stitch

STUB = 'import math\n\ndef f(x):\n    """Add one."""\n'
F = "import math\n\n\ndef f(x):\n    y = x + 1\n    return math.floor(y)"
B = "    y = x + 1\n    return math.floor(y)"
W = "import math\ndef f(x):\n    return math.floor(x)"
STUB = 'import math\n\ndef f(x):\n    """Add one."""\n'
T = "```"


def numbered(form: str, before: int = 0) -> str:
    """F as a listing, one blank line without its number."""
    lines = F.split("\n")
    return "\n".join(
        form.format(before + i, line) if i != 2 else "" for i, line in enumerate(lines, 1)
    )


C = {
    "usage": f"{T}python\n{F}\n{T}\nUsage:\n{T}python\nfrom my_module import f\n\nprint(f(2))\n{T}",
    "tests": f"{T}python\n{F}\n{T}\nTests:\n{T}python\nimport pytest\nfrom solution import f\n\ndef test_f():\n    assert f(1) == 2\n{T}",
    "stub after": f"{T}python\n{F}\n{T}\nIn short:\n{T}python\ndef f(x):\n    ...\n{T}",
    "elided": f"{T}python\n{F}\n{T}\nIn short:\n{T}python\ndef f(x):\n    ...\n    return x\n{T}",
    "elided2": f"{T}python\n{F}\n{T}\nIn short:\n{T}python\ndef f(x):\n    # ... same as before\n    return x\n{T}",
    "versions": f"{T}python\n{W}\n{T}\nImproved:\n{T}python\n{F}\n{T}",
    "const": f"{T}python\nimport math\nONE = 1\nadd = lambda a: a + ONE\n{T}\n{T}python\ndef f(x):\n    return math.floor(add(x))\n{T}",
    "tryimport": f"{T}python\ntry:\n    import numpy as np\nexcept ImportError:\n    np = None\n{T}\n{T}python\ndef f(x):\n    return int(np.floor(x + 1))\n{T}",
    "star": f"{T}python\nfrom math import *\n{T}\n{T}python\ndef f(x):\n    return floor(x + 1)\n{T}",
    "filled": f"{T}python\nT = {{}}\nT['a'] = 1\nL = []\nL.append(1)\n{T}\n{T}python\nimport math\ndef f(x):\n    return math.floor(x + T['a'] * L[0])\n{T}",
    "main": f"{B}\n\nif __name__ == '__main__':\n    print(f(2))\n",
    "main nolead": f"{B.lstrip()}\n\nif __name__ == '__main__':\n    print(f(2))\n",
    "main flat": "y = x + 1\nreturn math.floor(y)\n\nif __name__ == '__main__':\n    print(f(2))\n",
    "next def": f"{B}\n\n\ndef g(x):\n    return x\n\n\ndef h(y):\n    z = (y +",
    "next def nolead": f"{B.lstrip()}\n\n\ndef g(x):\n    return x\n\n\ndef h(y):\n    z = (y +",
    "fenced main": f"{T}python\n{B}\n\nif __name__ == '__main__':\n    print(f(2))\n{T}",
    "fenced next def": f"{T}python\n{B}\n\n\ndef g(x):\n    return x\n\n\ndef h(y):\n    z = (y +",
    "next def calls": f"{B}\n\n\ndef test_f():\n    assert f(2) == 3\n    assert f(3) == 4\n    assert f(4) == 5\n",
    "close words": f"{T}python\n{F}\n{T} This works.\n",
    "close token": f"{T}python\n{F}\n{T}<|im_end|>\n",
    "close token 2": f"{T}python\n{F}\n{T}<|im_end|>\n<|im_start|>user\nthanks",
    "glued": f"{T}python\n{F}{T}",
    "glued words": f"{T}python\n{F}{T} This works.\nYes.",
    "glued token": f"{T}python\n{F}{T}<|im_end|>",
    "only close": f"{F}\n{T}",
    "only close words": f"{F}\n{T}\nThis adds one to x.",
    "only close body": f"{B}\n{T}\nThis adds one to x.",
    "words open": f"Here is the code: {T}python\n{F}\n{T}",
    "words open bare": f"Here is the code: {T}\n{F}\n{T}",
    "list": "1. So:\n\n   "
    + T
    + "python\n"
    + "\n".join("   " + line for line in F.split("\n"))
    + "\n   "
    + T,
    "list same": "- "
    + T
    + "python\n"
    + "\n".join("  " + line for line in F.split("\n"))
    + "\n  "
    + T,
    "list num": "1. "
    + T
    + "python\n"
    + "\n".join("   " + line for line in F.split("\n"))
    + "\n   "
    + T,
    "quote": "\n".join("> " + line for line in f"{T}python\n{F}\n{T}".split("\n")),
    "quote tight": "\n".join((">" + line) for line in f"{T}python\n{F}\n{T}".split("\n")),
    "quote stripped": "\n".join(
        ("> " + line).rstrip() for line in f"Here:\n{T}python\n{F}\n{T}\nDone".split("\n")
    ),
    "quote2": "\n".join(("> > " + line).rstrip() for line in f"{T}python\n{F}\n{T}".split("\n")),
    "markdown around": f"{T}markdown\nHere:\n\n{T}python\n{F}\n{T}\n\nIt works.\n{T}",
    "markdown around4": f"{T}`markdown\nHere:\n\n{T}python\n{F}\n{T}\n\nIt works.\n{T}`",
    "four bare": f"{T}`\n{T}python\n{F}\n{T}\n{T}`",
    "four": f"{T}`python\n{F}\n{T}`",
    "four mismatched": f"{T}`python\n{F}\n{T}\nIt works",
    "tilde": f"~~~python\n{F}\n~~~\nDone",
    "output beside": f"{F}\n\nOutput:\n{T}\n3\n{T}\n",
    "bash beside": f"Install:\n{T}bash\npip install qiskit\n{T}\n\n{F}\n",
    "bash beside body": f"Install:\n{T}bash\npip install qiskit\n{T}\n\n{B}\n",
    "text beside": f"{F}\n\n{T}text\n{{'00': 512}}\n{T}",
    "json beside": f'{F}\n\n{T}json\n{{"00": 512}}\n{T}',
    "bom": f"\ufeff{F}",
    "bom fenced": f"\ufeff{T}python\n{F}\n{T}",
    "bom inside": f"{T}python\n\ufeff{F}\n{T}",
    "crlf": f"{T}python\n{F}\n{T}\n".replace("\n", "\r\n"),
    "cr": f"{T}python\n{F}\n{T}\n".replace("\n", "\r"),
    "pre": f'<p>Here</p>\n<pre><code class="language-python">{F.replace("floor(y)", "floor(y) if y &lt; 10 else math.floor(y)")}\n</code></pre>\n<p>Done</p>',
    "pre esc": f"&lt;pre&gt;&lt;code&gt;{F}\n&lt;/code&gt;&lt;/pre&gt;",
    "code tag": f"Here:\n<code>\n{F}\n</code>",
    "esc fence": f"{T}python\n{F.replace('floor(y)', 'floor(y) if y &lt; 10 else math.floor(y)')}\n{T}",
    "PYTHON": f"[PYTHON]\n{F}\n[/PYTHON]\n[TESTS]\nassert f(2) == 4\n[/TESTS]",
    "json wrapped": json.dumps({"code": F}),
    "json fenced": f"{T}json\n" + json.dumps({"explanation": "adds", "code": F}) + f"\n{T}",
    "json string": json.dumps(F),
    "json after words": "Here is the code:\n\n" + json.dumps({"code": F}) + "\n\nIt adds one.",
    "json fenced after words": f"So:\n{T}json\n"
    + json.dumps({"why": "x", "code": F}, indent=1)
    + f"\n{T}",
    "json python_code": json.dumps({"python_code": F, "python_version": "3.11"}),
    "json pythonCode": json.dumps({"explanation": "import this", "pythonCode": F}),
    "json solution_code": json.dumps({"thoughts": "def it", "solution_code": B}),
    "json by file": json.dumps({"files": [{"name": "a.py", "content": F}]}),
    "json line ends": '{"code": "' + F + '"}',
    "json line ends after words": 'So: {"code": "' + F + '"} Done.',
    "json of a fence": json.dumps({"answer": f"So:\n{T}python\n{F}\n{T}"}),
    "json of a body": "So: " + json.dumps({"code": B}),
    "tool call": "<tool_call>\n"
    + json.dumps({"name": "run", "arguments": {"code": F}})
    + "\n</tool_call>",
    "tool call in text": "I run it.\n"
    + json.dumps([{"function": {"name": "run", "arguments": json.dumps({"source": F})}}]),
    "tool call mistral": "[TOOL_CALLS]" + json.dumps([{"name": "run", "arguments": {"code": F}}]),
    "tool call xml": f"<tool_call>\n<function=run>\n<parameter=code>\n{F}\n</parameter>\n</function>\n</tool_call>",
    "ipython": f"{T}\n"
    + "In [1]: import math\n\nIn [2]: %matplotlib inline\n\nIn [3]: def f(x):\n   ...:     y = x + 1\n"
    + f"   ...:     return math.floor(y)\n   ...:\n\nIn [4]: f(2)\nOut[4]: 3\n{T}",
    "ipython no fence": "So:\n\nIn [1]: import math\nIn [2]: def f(x):\n   ...:     return math.floor(x + 1)\n"
    "   ...:\nIn [3]: f(2)\nOut[3]: 3\n",
    "prompt no fence": ">>> import math\n>>> def f(x):\n...     return math.floor(x + 1)\n...\n>>> f(2)\n3\n",
    "numbered colon": f"{T}python\n" + numbered("{}: {}") + f"\n{T}",
    "numbered bar": f"{T}python\n" + numbered("{:>2} | {}") + f"\n{T}",
    "numbered tight": numbered("{}|{}"),
    "numbered spaces": f"{T}\n" + numbered("{:>3}  {}") + f"\n{T}",
    "numbered tab": "Listing:\n\n" + numbered("{:>6}\t{}") + "\n\nIt adds one.",
    "numbered left": numbered("{:<4}{}"),
    "numbered left one": numbered("{} {}"),
    "numbered from 9": f"{T}\n" + numbered("{}. {}", 8) + f"\n{T}",
    "nbsp": F.replace("    ", "\u00a0" * 4),
    "nbsp fenced": f"{T}python\n{F}\n{T}".replace(" ", "\u00a0"),
    "other spaces": f"{T}python\n{F}\n{T}".replace("    ", "\u3000\u2003\u202f "),
    "zero width": f"{T}python\n{F}\n{T}".replace("    ", "\u200b    "),
    "inline": "`def f(x): return x + 1`",
    "inline body": "`return x + 1`",
    "inline twice": "``def f(x): return x + 1``.",
    "inline in words": "Use `x` and `def f(x): return x + 1`, as asked.",
    "magic": f"{T}python\n!pip install qiskit\n%matplotlib inline\n{F}\n{T}",
    "pip": f"{T}python\npip install qiskit\n\n{F}\n{T}",
    "prompt": f"{T}python\n"
    + "\n".join((">>> " if not line.startswith(" ") else "... ") + line for line in F.split("\n"))
    + "\n>>> f(2)\n3\n"
    + T,
    "prose in fence": f"{T}\nHere is the code:\n{F}\n\nIt adds one and floors.\n{T}",
    "unclosed tail cut": f"{T}python\n{F}\n\ndef test_f():\n    assert f(1",
    "one line": f"{T}python def f(x): return x + 1{T}",
    "python on next": f"Sure!\n{T}\npython\n{F}\n{T}",
    "title": f'{T}python title="a.py"\n{F}\n{T}',
    "attr": f"{T}{{.python .numberLines}}\n{F}\n{T}",
    "file": f"{T}solution.py\n{F}\n{T}",
    "p311": f"{T}python3.11\n{F}\n{T}",
    "text tag": f"{T}text\n{F}\n{T}",
    "docfence": f"{T}python\ndef f(x):\n    '''Use:\n\n    {T}\n    f(1)\n    {T}\n    '''\n    return x + 1\n{T}\nDone.",
    "stub block then body": f"{T}python\ndef f(x):\n    pass\n{T}\nThe body:\n{T}python\n{B}\n{T}",
    "two fences no blank": f"{T}python\nimport math\n{T}\n{T}python\ndef f(x):\n    return math.floor(x + 1)\n{T}",
    "unclosed then next": f"{T}python\nimport math\n\nThen:\n{T}python\ndef f(x):\n    return math.floor(x + 1)\n{T}",
    "missing newline open": f"Code:\n{T}import math\n\n\ndef f(x):\n    return math.floor(x + 1)\n{T}",
}

R = {
    "think": ("<think>", "</think>"),
    "THINK": ("[THINK]", "[/THINK]"),
    "kimi": ("◁think▷", "◁/think▷"),
    "seed": ("<seed:think>", "</seed:think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    "harmony2": (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>commentary<|message|>I will<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    "bareharmony": ("analysisWe need to do it. ", "assistantfinal"),
    "cohere": ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    "granite": ("Here is my thought process:\n", "\nHere is my response:\n"),
    "openthinker": ("<|begin_of_thought|>", "<|end_of_thought|>\n<|begin_of_solution|>"),
    "prompt": ("", "</think>"),
    "answer": ("<think>", "</think>\n<answer>"),
    "gemma": ("<|channel>thought\n", "<channel|>"),
}

QUOTED = {
    "q1": f"{T}python\nimport math\n\n\ndef f(x):\n    s = 'a</think>b'.split('</think>')\n    return math.floor(x+1)\n{T}",
    "q2": f"{T}python\nimport math\n\n\ndef f(x):\n    # drop all before </think> here\n    return math.floor(x+1)\n{T}",
    "q3": "import math\n\n\ndef f(x):\n    '''Drop\n    </think>\n    '''\n    return math.floor(x+1)",
    "q4": f"Models end reasoning with `</think>`.\n{T}python\n{F}\n{T}",
    "q5": f'I strip "</think>" first.\n{T}python\n{F}\n{T}\nNote: `<think>` is dropped.',
    "q6": f"{T}python\nimport math\n\n\ndef f(x):\n    s = '<|im_end|>'\n    return math.floor(x+1)\n{T}",
    "q7": f"{T}python\nimport math\n\n\ndef f(x):\n    s = '''<|im_end|>\n<think>\n'''\n    return math.floor(x+1)\n{T}",
}


def answer(completion: str) -> Any:
    """What the program of a completion gives for 2; 3 is right."""
    names: dict[str, Any] = {}
    exec(stitch(STUB, extract_code(completion, "f"), "f", "function_completion"), names)
    return names["f"](2)


@pytest.mark.parametrize("name", C)
def test_a_right_answer_is_found(name: str) -> None:
    assert answer(C[name]) == 3


@pytest.mark.parametrize("name", QUOTED)
def test_a_tag_that_an_answer_quotes_is_its_own(name: str) -> None:
    assert answer(QUOTED[name]) == 3


@pytest.mark.parametrize("name", R)
def test_reasoning_of_every_family_is_no_answer(name: str) -> None:
    opening, closing = R[name]
    draft = f"{opening}Let me see.\n{T}python\n{W}\n{T}\nHm"
    assert answer(f"{draft}{closing}\n{T}python\n{F}\n{T}") == 3
    assert answer(f"{draft}\n{closing}\n{F}") == 3
    assert answer(f"{opening}Let me see.\n{closing}\n{B}") == 3
    assert strip_reasoning(f"{draft}{closing}The answer is <2>.").strip() == "The answer is <2>."
    if opening:
        assert strip_reasoning(draft) == ""
        assert extract_code(draft, "f") == ""


OWN = {
    "spaces in a text": (f"def f(x):\n    return '\u00a0a\u3000{T}'", "\u00a0a\u3000```"),
    "json in a body": ('Like this:\n\n    y = {"code": "x"}\n    return y["code"]\n\nDone.', "x"),
    "numbers of a text": ("def f(x):\n    return '''\n1: a\n2: b'''", "\n1: a\n2: b"),
    "a session in a text": ("def f(x):\n    '''\n    >>> f(1)\n    2\n    '''\n    return 5", 5),
    "a span beside code": (
        f"`def f(x): return 1` is wrong.\n{T}python\ndef f(x): return 2\n{T}",
        2,
    ),
    "json beside code": (
        f'{T}python\ndef f(x): return 2\n{T}\n{{"code": "def f(x): return 1"}}',
        2,
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_what_looks_like_a_wrapping_is_the_answers_own(name: str) -> None:
    text, value = OWN[name]
    assert answer(text) == value


WRONG = {
    "an example defines nothing": f"{T}python\nfrom my_module import f\nprint(f(2))\n{T}",
    "a diff is not applied": f"{T}diff\n-def f(x):\n+def f(x):\n+    return x + 1\n{T}",
    "half a function is none": "def f(x):\n    y = x + 1\n    return (y +",
    "half a function in a fence": f"{T}python\ndef f(x):\n    y = x + 1\n    return (y +\n{T}",
    "the last of two versions": f"{T}python\n{F}\n{T}\nOr:\n{T}python\n{W}\n{T}",
    "a stub is a stub": f"{T}python\n{STUB}    pass\n{T}",
    "reasoning that never ends": f"<think>\n{T}python\n{F}\n{T}\n",
    "the words of a refusal": "I cannot do this.",
    "an assignment by an example": f"{T}python\n{W}\n{T}\n{T}python\nf = f(3)\n{T}",
    "another turn": f"{T}python\n{W}\n{T}<|im_end|>\n<|im_start|>user\n{T}python\n{F}\n{T}",
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_that_was_not_answered_is_taken_for_the_answer(name: str) -> None:
    try:
        found = answer(WRONG[name])
    except Exception:
        return
    assert found != 3
