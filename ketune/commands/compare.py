"""compare A B: two models on the same tasks, with a verdict that the sample can carry.

ketune compare main rank-64                   # git revisions or experiments
ketune compare HEAD:base HEAD:finetuned       # models of one revision
ketune compare theirs.outcomes.jsonl workspace
"""

import argparse
from collections.abc import Sequence

from ketune.comparison import as_json, as_markdown, as_text, compare
from ketune.revisions.outcomes import changes, read_outcomes
from ketune.runtime import StageError


def main(argv: Sequence[str] | None = None) -> None:
    """Print the comparison of b with a."""
    parser = argparse.ArgumentParser(
        prog="ketune compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    help_text = "a git revision or experiment, REVISION:MODEL, workspace, or an outcomes file"
    parser.add_argument("a", help=help_text)
    parser.add_argument("b", help=help_text)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="everything, with all task ids")
    arguments = parser.parse_args(argv)
    outcomes = [read_outcomes(name) for name in (arguments.a, arguments.b)]
    differ = changes(arguments.a, arguments.b)
    for key, (a, b) in differ.get("metrics", {}).items():
        if key.endswith(":benchmark_set") and a and b:
            raise StageError(
                f"{arguments.a} and {arguments.b} were evaluated on other benchmarks ({a} and "
                f"{b}); compare like runs"
            )
    try:
        comparison = compare(*outcomes)
    except ValueError as error:
        raise StageError(f"{arguments.a} and {arguments.b}: {error}; compare like runs") from None
    render = as_json if arguments.json else as_markdown if arguments.md else as_text
    print(render(comparison, arguments.a, arguments.b, differ), end="")
