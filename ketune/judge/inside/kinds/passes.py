"""Transpiler passes and pass managers, which stay where the program made them.

What they do is to change circuits, and a test looks at the circuits: each run is a call of the
program, and what it answers is made again like any value. Here stand objects of the same class that
make these calls; nothing of the program's runs.
"""

import functools
from typing import Any

import qiskit.transpiler.passes
from qiskit.passmanager import (
    ConditionalController,
    DoWhileController,
    FlowControllerLinear,
)
from qiskit.passmanager.compilation_status import PropertySet
from qiskit.transpiler import PassManager, StagedPassManager
from qiskit.transpiler.basepasses import AnalysisPass, BasePass, TransformationPass

from ketune.judge.inside import trusted
from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.opaque import Unjudgeable
from ketune.judge.inside.wire import Node, Refused

_BASES = {"AnalysisPass": AnalysisPass, "TransformationPass": TransformationPass}
_STOCK: dict[str, Any] = {
    name: cls
    for name, cls in vars(qiskit.transpiler.passes).items()
    if isinstance(cls, type) and issubclass(cls, BasePass)
}
_MANAGERS = {cls.__name__: cls for cls in (PassManager, StagedPassManager)}
_CONTROLLERS: dict[str, Any] = {
    "linear": FlowControllerLinear,
    "if": ConditionalController,
    "while": DoWhileController,
}


class RemotePass:
    """A pass whose runs are calls of the program."""

    _remote: Any
    _own: frozenset[str]
    _report: Any

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._own:
            what = f"{name} of the program's pass {type(self).__name__}"
            type(self)._report(what)
            raise Unjudgeable(what)
        raise AttributeError(name)

    def run(self, dag: Any) -> Any:
        """What the program's pass makes of the circuit; the properties are as it leaves them."""
        state: Any = self
        result, properties = type(self)._remote(dag, dict(state.property_set))
        if not isinstance(properties, dict):
            raise Refused(f"a {type(properties).__name__} for properties")
        state.property_set.clear()
        state.property_set.update(properties)
        return result


def _take_pass(value: Any, encoder: Encoder) -> list[Node]:
    cls = type(value)
    name = cls.__name__
    base = "AnalysisPass" if isinstance(value, AnalysisPass) else "TransformationPass"
    data, own = [], []
    for key, item in vars(value).items():
        if key in {"property_set", "requires", "preserves", "_hash"} or hasattr(cls, key):
            continue
        node = encoder.encode(item)
        if type(node) is list and node[0] == "opaque":
            own.append(key)
        else:
            data.append([key, node])
    if _STOCK.get(name) is not cls:
        own += [key for key in vars(cls) if not trusted.is_special(key) and key != "run"]
    return [
        base,
        name,
        _STOCK.get(name) is cls,
        encoder.export(functools.partial(_run_pass, value)),
        encoder.parts(value.requires),
        data,
        own,
    ]


def _run_pass(value: Any, dag: Any, properties: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    value.property_set = PropertySet(properties)
    result = value.run(dag)
    return result, dict(value.property_set)


def _make_pass(
    decoder: Decoder,
    base: Node,
    name: Node,
    stock: Node,
    handle: Node,
    requires: Node,
    data: Node,
    own: Node,
) -> Any:
    parent = _BASES[decoder.choice(base, _BASES)]
    if decoder.flag(stock):
        parent = _STOCK[decoder.choice(name, _STOCK)]
    number = decoder.integer(handle)
    members = {
        "_remote": staticmethod(decoder.stub(number, "run")),
        "_own": frozenset(decoder.text(key) for key in decoder.bare(own)),
        "_report": staticmethod(decoder.report),
    }
    cls = type(parent)(decoder.text(name)[:100], (RemotePass, parent), members)
    made: Any = cls.__new__(cls)
    attributes = decoder.names(data)
    if any(hasattr(cls, key) for key in attributes):
        raise Refused("a pass with an attribute in the place of its class's")
    needed = [decoder.decode(node) for node in decoder.bare(requires)]
    if not all(isinstance(item, RemotePass) for item in needed):
        raise Refused("a pass that requires something else than passes")
    vars(made).update(attributes)
    vars(made).update(
        property_set=PropertySet(), requires=needed, preserves=[], _hash=hash(("pass", number))
    )
    return made


def _take_tasks(tasks: Any, encoder: Encoder) -> Node:
    if isinstance(tasks, list | tuple):
        return ["list", [_take_tasks(task, encoder) for task in tasks]]
    for name, cls in _CONTROLLERS.items():
        if isinstance(tasks, cls):
            return [name, [_take_tasks(task, encoder) for task in tasks.tasks]]
    return ["pass", encoder.part(tasks)]


def _make_tasks(decoder: Decoder, node: Node) -> Any:
    kind, content = decoder.bare(node)
    if decoder.choice(kind, ("list", "pass", *_CONTROLLERS)) == "pass":
        task = decoder.decode(content)
        if not isinstance(task, RemotePass):
            raise Refused(f"a {type(task).__name__} for a pass")
        return task
    tasks = [_make_tasks(decoder, inner) for inner in decoder.bare(content)]
    if kind == "list":
        return tasks
    if kind == "linear":
        return FlowControllerLinear(tasks)

    def condition(_: Any) -> bool:
        decoder.report("a condition of the program's pass manager")
        raise Unjudgeable("a condition of the program's pass manager")

    return _CONTROLLERS[kind](tasks, condition)


def _take_manager(value: Any, encoder: Encoder) -> list[Node]:
    staged = isinstance(value, StagedPassManager)
    stages = []
    if staged:
        for name in value.expanded_stages:
            stages.append([name, encoder.part(getattr(value, name, None))])
    return [
        "StagedPassManager" if staged else "PassManager",
        encoder.export(functools.partial(_run_manager, value)),
        _take_tasks(value._tasks, encoder),
        list(value.stages) if staged else [],
        stages,
        int(value.max_iteration),
    ]


def _run_manager(value: Any, *arguments: Any, **keywords: Any) -> tuple[Any, dict[str, Any]]:
    result = value.run(*arguments, **keywords)
    return result, dict(value.property_set or {})


def _make_manager(
    decoder: Decoder,
    name: Node,
    handle: Node,
    tasks: Node,
    names: Node,
    stages: Node,
    limit: Node,
) -> Any:
    if decoder.choice(name, _MANAGERS) == "PassManager":
        made = PassManager(max_iteration=decoder.integer(limit))
        made._tasks = _make_tasks(decoder, tasks)
    else:
        made = StagedPassManager([decoder.text(stage) for stage in decoder.bare(names)])
        made.max_iteration = decoder.integer(limit)
        for stage, node in decoder.bare(stages):
            manager = decoder.optional(decoder.of, node, PassManager)
            if decoder.text(stage) not in made.expanded_stages:
                raise Refused("a stage of another name")
            if manager is not None:
                setattr(made, stage, manager)
    if type(made._tasks) is not list:
        raise Refused("a pass manager without a list of tasks")
    vars(made)["run"] = _runner(made, decoder.stub(decoder.integer(handle), "run"))
    return made


def _runner(manager: Any, remote: Any) -> Any:
    """Has the program run its manager, unless the test has changed the tasks of this one."""
    tasks = _flat(manager._tasks)

    def run(*arguments: Any, **keywords: Any) -> Any:
        if _flat(manager._tasks) != tasks:
            return type(manager).run(manager, *arguments, **keywords)
        result, properties = remote(*arguments, **keywords)
        if not isinstance(properties, dict):
            raise Refused(f"a {type(properties).__name__} for properties")
        manager.property_set = PropertySet(properties)
        return result

    return run


def _flat(tasks: Any) -> list[int]:
    if isinstance(tasks, list | tuple):
        return [number for task in tasks for number in _flat(task)]
    return [id(tasks)]


def _make_properties(decoder: Decoder, pairs: Node) -> PropertySet:
    return PropertySet(decoder.names(pairs))


KINDS = [
    Kind(
        "pass",
        (TransformationPass, AnalysisPass),
        _take_pass,
        _make_pass,
        stand_in=RemotePass,
    ),
    Kind("pass manager", (StagedPassManager, PassManager), _take_manager, _make_manager),
    Kind(
        "PropertySet",
        (PropertySet,),
        lambda value, encoder: [[[str(k), encoder.encode(item)] for k, item in value.items()]],
        _make_properties,
    ),
]
