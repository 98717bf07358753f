"""Of every stage: the keys of params.yaml that its code reads, a file a stage in $KETUNE_READS.

Python imports a module of this name at its start. Reads by ketune/params itself do not count: it
checks values and can refuse a run, but makes nothing of them.
"""

import atexit
import os
import sys
from pathlib import Path
from typing import Any

SECTIONS = {
    "Params": "",
    "DataParams": "data.",
    "GenerationParams": "generation.",
    "EndpointParams": "generation.endpoint.",
    "EvaluationParams": "evaluation.",
}
CONTAINERS = {name.rstrip(".").rpartition(".")[2] for name in SECTIONS.values()}
SCHEMA = "ketune.params.schema"


def trace(stage: str) -> None:
    from pydantic import BaseModel  # noqa: PLC0415 - of stages alone

    read: set[str] = set()
    plain, dump = BaseModel.__getattribute__, BaseModel.model_dump

    def getattribute(self: BaseModel, name: str) -> Any:
        model = type(self)
        fields = model.model_fields if model.__module__ == SCHEMA else {}
        if name in fields and model.__name__ in SECTIONS and name not in CONTAINERS:
            caller = sys._getframe(1).f_code.co_filename
            if "/ketune/params/" not in caller and "/pydantic/" not in caller:
                read.add(SECTIONS[model.__name__] + name)
        return plain(self, name)

    def model_dump(self: BaseModel, **options: Any) -> dict[str, Any]:
        dumped = dump(self, **options)
        if type(self).__name__ in SECTIONS:
            read.update(SECTIONS[type(self).__name__] + name for name in dumped)
        return dumped

    BaseModel.__getattribute__ = getattribute  # type: ignore[assignment,method-assign]
    BaseModel.model_dump = model_dump  # type: ignore[method-assign]
    path = Path(os.environ["KETUNE_READS"]) / f"{stage}-{os.getpid()}"
    atexit.register(lambda: path.write_text("\n".join(sorted(read))))


if "KETUNE_READS" in os.environ and "-m" in sys.orig_argv:
    command = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    if command and command[0].startswith("stages."):
        trace("@".join([command[0].removeprefix("stages."), *command[1:]]))
