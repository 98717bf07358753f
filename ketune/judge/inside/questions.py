"""What a test asks about the class of a value, or the code of a function, answered only where it is
known here.

Python answers `type(x)`, `isinstance(x, C)` and `callable(x)` without asking x. A value may stand
for one that could not cross, or cross as its base: then the answer would be of what stands here. So
the test's code is compiled to ask through this module.
"""

import ast
import asyncio
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ketune.judge.inside.objects import Origin, Record, origin_of
from ketune.judge.inside.opaque import Opaque, Unjudgeable, refuse

# Names that the test's code calls.
ASKED, CLASS, ATTRIBUTE = "__asked__", "__class_of__", "__attribute_of__"
_OF_CLASSES: tuple[Any, ...] = (
    *(type, isinstance, callable),
    *(dataclasses.is_dataclass, dataclasses.asdict, dataclasses.astuple, dataclasses.fields),
)
# Of a function these tell what its own code is, and a call of the program's has none here.
_OF_CODE: tuple[Any, ...] = (
    *(inspect.getsource, inspect.getsourcelines, inspect.getsourcefile, inspect.getfile),
    *(inspect.getdoc, inspect.getcomments, inspect.getfullargspec, inspect.get_annotations),
    *(
        inspect.getclosurevars,
        inspect.getmodule,
        typing.get_type_hints,
        asyncio.iscoroutinefunction,
    ),
    *(inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction),
)
_CODE_ATTRIBUTES = {
    *("__code__", "__defaults__", "__kwdefaults__", "__annotations__", "__closure__"),
    *("__globals__", "__wrapped__", "__doc__", "__dict__"),
}
_NAMES = {function.__name__ for function in (*_OF_CLASSES, *_OF_CODE)} | {"signature"}
# Modules whose classes may have instances that are not derived from them.
_ABSTRACT = {"collections.abc", "typing", "numbers"}


def with_questions(tree: ast.Module) -> ast.Module:
    """The test's code with every such question asked here, but for messages of its assertions."""
    asking: ast.Module = _Questions().visit(tree)
    return ast.fix_missing_locations(asking)


class _Questions(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        node.test = self.visit(node.test)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
                # With three arguments `type` makes a class, of the module that calls it.
                if name != "type" or len(node.args) == 1:
                    return self._call(node, ASKED, [node.func, *node.args], node.keywords)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "__class__" and isinstance(node.ctx, ast.Load):
            return self._call(node, CLASS, [node.value], [])
        if node.attr in _CODE_ATTRIBUTES and isinstance(node.ctx, ast.Load):
            return self._call(node, ATTRIBUTE, [node.value, ast.Constant(node.attr)], [])
        return node

    def _call(
        self, node: ast.expr, name: str, arguments: list[ast.expr], keywords: list[ast.keyword]
    ) -> ast.expr:
        called = ast.Name(name, ast.Load())
        return ast.copy_location(ast.Call(called, arguments, keywords), node)


def questions(report: Callable[[str], None], is_call: Callable[[object], bool]) -> dict[str, Any]:
    """The functions that the test's code calls, by name; `report` is told of what is not known.
    `is_call` tells a call of the program's from a function of the test's."""

    def unknown(what: str, value: Any) -> NoReturn:
        what = f"{what} of the program's function {value.__name__}"
        report(what)
        raise Unjudgeable(what)

    def asked(function: Any, *arguments: Any, **keywords: Any) -> Any:
        value, *rest = arguments or (None,)
        of_code = any(function is known for known in _OF_CODE)
        of_code |= function is inspect.signature and not hasattr(value, "__signature__")
        if of_code and is_call(value):
            unknown(f"{function.__name__}()", value)
        if not arguments or not any(function is known for known in _OF_CLASSES):
            return function(*arguments, **keywords)
        if type(value) is Opaque:
            refuse(value)
        origin = origin_of(value)
        if function is isinstance and len(rest) == 1:
            return _is_instance(value, rest[0], origin, report)
        if origin is not None and function is not callable:
            origin.refuse(f"{function.__name__}()")
        return function(*arguments, **keywords)

    def class_of(value: Any) -> Any:
        if (origin := origin_of(value)) is not None:
            origin.refuse("__class__")
        return value.__class__

    def attribute_of(value: Any, name: str) -> Any:
        if is_call(value):
            unknown(name, value)
        return getattr(value, name)

    return {ASKED: asked, CLASS: class_of, ATTRIBUTE: attribute_of}


def _is_instance(
    value: Any, classes: Any, origin: Origin | None, report: Callable[[str], None]
) -> bool:
    for cls in _flat(classes):
        if isinstance(cls, types.FunctionType):  # a call in the place of a class of the program's
            what = f"whether something is of the program's class {cls.__name__}"
            report(what)
            raise Unjudgeable(what)
    if origin is None:
        return isinstance(value, classes)
    record = isinstance(value, Record)
    for cls in _flat(classes):
        if cls is object or (not record and isinstance(value, cls)):
            return True
        module = getattr(cls, "__module__", "")
        if f"{module}.{getattr(cls, '__qualname__', '')}" in origin.bases or module in _ABSTRACT:
            origin.refuse(f"isinstance(…, {getattr(cls, '__name__', cls)})")
    return False


def _flat(classes: Any) -> Iterator[Any]:
    if isinstance(classes, tuple):
        for inner in classes:
            yield from _flat(inner)
    elif isinstance(classes, types.UnionType):
        yield from classes.__args__
    else:
        yield classes
