"""Programs that speak to the test's process by hand, over the channel that their process holds."""

# Reports that the test passed, where it runs in the test's process.
CODE = """
import os, sys
frame = sys._getframe()
while "report" not in frame.f_locals:
    frame = frame.f_back
frame.f_locals["report"](b'["passed", ""]')
os._exit(0)
"""

# Finds the channel, and answers every call with the same messages.
_SPEAK = f"""
CODE = {CODE!r}
"""
_SPEAK += """
import os, struct, sys
frame = sys._getframe()
while "peer" not in frame.f_locals:
    frame = frame.f_back
peer = frame.f_locals["peer"]

def speak(*answers):
    peer.send(("ready", ["f"]))
    peer.receive()
    peer.send(("return", ("tuple", 0, ["value", ("function", 1, "f"), ""]), [], ""))
    while True:
        peer.receive()
        for answer in answers:
            peer.send(answer)

def give(node, *changes):
    speak(("return", node, list(changes), ""))

def make(how, arguments=(), keywords=(), state=None, items=None, pairs=None):
    return ("object", 1, how, list(arguments), list(keywords), state, items, pairs, [])

OPERATOR = ("new", "qiskit.quantum_info.operators.operator", "Operator")
SHAPE = make(("call", "qiskit.quantum_info.operators.op_shape", "OpShape"), (),
             [("dims_l", ("tuple", 5, [2, 2])), ("dims_r", ("tuple", 6, [2, 2]))])
def operator(data=("array", 3, "<c16", (4, 4), bytes(256)), **more):
    state = [("_data", data), ("_op_shape", SHAPE), *more.items()]
    return make(OPERATOR, state=("dict", 2, state))
def here():
    return id(peer)
INTERFACE = ("dict", 20, [("data", ("tuple", 21, [here(), True])), ("shape", ("tuple", 22, [4])),
                          ("typestr", "|u1"), ("version", 3)])
# unittest's main, once imported, runs it.
open("/tmp/test_code.py", "w").write(CODE)
import base64, json, pickle, platform
class Run:
    def __reduce__(self):
        return exec, (CODE,)
MODEL = json.dumps({"__class__": "Callable", "__name__": "x", "importer": "x", "value":
    base64.b64encode(pickle.dumps(Run())).decode(), "pyversion": platform.python_version()})
"""

_MESSAGES = {
    "claims_passed": "speak(('raise', [('builtins', 'ValueError')], '', 'passed', '', ''))",
    "claims_bad_test": "speak(('raise', [('builtins', 'ValueError')], '', 'bad_test', '', ''))",
    "claims_judge_error": "speak(('raise', [('builtins', 'OSError')], '', 'judge_error', '', ''))",
    "claims_nothing": "speak(('raise', [], '', None, None, None))",
    "claims_at_length": (
        "speak(('raise', [('builtins', 'ValueError')], 'x' * 10**6, 'runtime_error',"
        " '\\x1b[2J\\ud800\\n' * 10**6, ''))"
    ),
    "raises_system_exit": "speak(('raise', [('builtins', 'SystemExit')], '0', 'passed', '', ''))",
    "raises_stop": "speak(('raise', [('builtins', 'StopIteration')], '', 'passed', '', ''))",
    "raises_assertion": (
        "speak(('raise', [('builtins', 'AssertionError')], '', 'wrong_answer', '', ''))"
    ),
    "raises_skip": "speak(('raise', [('unittest.case', 'SkipTest')], '', 'passed', '', ''))",
    "ended_passed": "peer.send(('ended', 'passed', '')); peer.receive()",
    "ended_bad_test": "peer.send(('ended', 'bad_test', '')); peer.receive()",
    "ended_of_a_list": "peer.send(('ended', ['passed'], '')); peer.receive()",
    "ready_without_names": "peer.send(('ready', 'f')); peer.receive()",
    "ready_again": "peer.send(('ready', ['f'])); peer.send(('ready', ['f'])); peer.receive()",
    "other_kind": "speak(('passed', ''))",
    "empty_message": "speak(())",
    "no_message": "speak('passed')",
    "ahead_of_time": (
        "for _ in range(50): peer.send(('return', 2, [], ''))\npeer.send(('ready', ['f']))"
    ),
    "too_long": "peer.stream.write(struct.pack('!Q', 1 << 62)); peer.receive()",
    "half_a_message": "peer.stream.write(struct.pack('!Q', 100) + b'x'); os._exit(0)",
    "calls_of_the_judge": "speak(('call', 0, [], [], None), ('call', -1, [], [], None))",
    "calls_without_end": "speak(*[('call', 10**9, [], [], None)] * 9)",
    "return_of_little": "speak(('return',))",
    "return_of_much": "speak(('return', 2, [], '', 2, 2))",
    "output_no_text": "speak(('return', 2, [], ['x']))",
    "change_unknown": "give(7, (5, ('list', 0, [])))",
    "change_number": "give(7, (0, 2))",
    "change_number_in_place": "give(7, (0, ('namespace', 0, [('real', 2)])))",
    "pickle_eval": (
        "import pickle\nclass E:\n    def __reduce__(self):\n        return eval, ('exit()',)\n"
        "data = pickle.dumps(('return', E(), [], ''))\npeer.send(('ready', ['f']))\n"
        "peer.stream.write(struct.pack('!Q', len(data)) + data); peer.receive()"
    ),
    "pickle_persistent": (
        "data = b'\\x80\\x04\\x8c\\x01xQ.'\npeer.stream.write(struct.pack('!Q', len(data)) + data)"
        "\npeer.receive()"
    ),
    "pickle_stack": (
        "data = b'(lp0\\ng0\\nR.'\npeer.stream.write(struct.pack('!Q', len(data)) + data)\n"
        "peer.receive()"
    ),
    "many_shared": (
        "n = ('list', 0, [1])\nfor _ in range(60):\n    n = ('list', 0, [n, n])\ngive(n)"
    ),
    "holds_itself": "n = []\nn.append(('list', 0, n))\ngive(n[0])",
    "huge": "give(('list', 0, [b'x' * (1 << 27)] * 9))",
    "huge_array": "give(('objects', 0, (1 << 40,), []))",
    "many_bytes": (
        "peer.stream.write(struct.pack('!Q', 3 << 30))\n"
        "while True: peer.stream.write(bytes(1 << 20))"
    ),
}

_EVAL = "('call', 'builtins', 'eval')"
_NODES = {
    "eval": f"make({_EVAL}, ['exit()'])",
    "exec": "make(('call', 'builtins', 'exec'), [CODE])",
    "type": "make(('call', 'builtins', 'type'), ['A', ('tuple', 2, []), ('dict', 3, [])])",
    "compile": "make(('new', 'builtins', 'code'), [CODE])",
    "popen": "make(('call', 'subprocess', 'Popen'), ['true'])",
    "exit": "make(('static', 'os', '_exit', '__call__'), [0])",
    "through_a_module": "make(('call', 'qiskit', 'circuit.quantumcircuit.sys.exit'), [0])",
    "mock": "make(('call', 'unittest.mock', '_ANY'))",
    "program_starter": (
        "make(('call', 'qiskit.utils.lazy_tester', 'LazySubprocessTester'),"
        " [('list', 2, ['sh', '-c', 'echo'])])"
    ),
    "code_writer": (
        "('partial', make(('call', 'networkx.utils.decorators', 'argmap'),"
        " [('function', 1, 'a():\\n  pass\\ndef b')]), [('function', 1, 'a')], [])"
    ),
    "settings": "make(('call', 'matplotlib', 'RcParams'), [('dict', 2, [])])",
    "latex": "make(('call', 'matplotlib.backends.backend_pgf', 'LatexManager'))",
    "file_writer": "make(('call', 'matplotlib.backends.backend_pdf', 'PdfPages'), ['/tmp/x'])",
    "sympy": "make(('call', 'sympy.core.symbol', 'Symbol'), ['x'])",
    "subclasses": "make(('static', 'builtins', 'object', '__subclasses__'))",
    "order_of_classes": "make(('static', 'builtins', 'object', 'mro'))",
    "alias": (
        "make(('static', 'builtins', 'list', '__class_getitem__'), [('class', 'builtins', 'int')])"
    ),
    "new_of_another": (
        "make(('static', 'builtins', 'object', '__new__'),"
        " [('class', 'qiskit.providers.jobstatus', 'JobStatus')])"
    ),
    "dunder_tag": "('_init__', 1)",
    "unknown_tag": "('decode', ('list', 0, []))",
    "tag_of_a_list": "(['list'], 0, [])",
    "bare_list": "[1, 2]",
    "empty": "()",
    "module": "('module', 'os')",
    "class": "('class', 'qiskit.quantum_info.operators.operator', 'Operator')",
    "class_of_class": "('class', 'builtins', 'type')",
    "class_through_seen": (
        "('tuple', 0, [operator(x=('list', 9, [('class', 'qiskit.circuit', 'Qubit')])),"
        " ('seen', 9)])"
    ),
    "library": "('library', 'os', '_exit')",
    "library_with_a_main": "operator(x=('library', 'unittest.__main__', 'main'))",
    "library_inside": "operator(x=('library', 'os', 'system'))",
    "loader_of_code": (
        "make(('new', 'qiskit_experiments.curve_analysis.curve_analysis', 'CurveAnalysis'),"
        " state=('dict', 2, [('_models', ('list', 3, [MODEL]))]))"
    ),
    "library_run_code": (
        "operator(x=('library', 'matplotlib.sphinxext.plot_directive', '_run_code'))"
    ),
    "method": "('method', ('list', 0, []), 'remove')",
    "method_special": "operator(x=('method', ('list', 8, []), '__reduce_ex__'))",
    "method_of_circuit": "operator(equiv=('method', operator(), 'copy'))",
    "partial_of_class": "('partial', ('class', 'builtins', 'bool'), [1], [])",
    "home": "('home', 0)",
    "home_negative": "('home', -1)",
    "passed": "('passed', 10**9)",
    "passed_negative": "('passed', -99)",
    "seen_unknown": "('seen', ('list', 0, []))",
    "stub_named_code": "('function', 1, 'x():\\n    pass\\ndef y')",
    "stub_in_object": "operator(equiv=('function', 1, 'equiv'))",
    "stub_as_data": "operator(('function', 1, 'data'))",
    "stub_in_options": (
        "make(('call', 'qiskit.providers.options', 'Options'), (),"
        " [('equiv', ('function', 1, 'equiv'))])"
    ),
    "stub_in_named_tuple": "('namedtuple', 0, 'N', ['equiv'], [('function', 1, 'equiv')])",
    "stub_in_namespace": "('namespace', 0, [('equiv', ('function', 1, 'equiv'))])",
    "tolerance": "operator(_ATOL_DEFAULT=1e9)",
    "constant": "operator(_RTOL_DEFAULT=1e9, atol=1e9)",
    "class_attribute": "operator(__class__=7, __eq__=1)",
    "masked_data": (
        "operator(('masked', 7, ('array', 8, '<c16', (4, 4), bytes(256)),"
        " ('array', 9, '|b1', (4, 4), b'\\x01' * 16), 0))"
    ),
    "memory_through_interface": "('namespace', 0, [('__array_interface__', INTERFACE)])",
    "memory_through_object": "operator(__array_interface__=INTERFACE)",
    "memory_as_data": "operator(('namespace', 0, [('__array_interface__', INTERFACE)]))",
    "objects_as_bytes": "('array', 0, '|O', (1,), bytes(8))",
    "objects_in_fields": "('array', 0, ('list', 1, [('tuple', 2, ['a', '|O'])]), (1,), bytes(8))",
    "texts_as_bytes": "('array', 0, 'T', (1,), bytes(16))",
    "scalar_of_objects": "('scalar', '|O', bytes(8))",
    "array_larger": "('array', 0, '<f8', (1 << 40,), bytes(8))",
    "array_negative": "('array', 0, '<f8', (-1, -1), bytes(8))",
    "sparse_out_of_bounds": (
        "('sparse', 1, 'csr_matrix', (2, 2), ('array', 3, '<f8', (1,), bytes(8)),"
        " [('array', 4, '<i8', (1,), b'\\x7f' * 8), ('array', 5, '<i8', (1,), bytes(8))])"
    ),
    "sparse_unchecked": (
        "make(('new', 'scipy.sparse._csr', 'csr_matrix'), state=('dict', 2, [('_shape', 9)]))"
    ),
    "random_of_a_name": "('random', 0, 'seed', ('dict', 1, []))",
    "pass_of_a_name": "('pass', 0, 'MetaPass', 1)",
    "enum_member": (
        "make(('call', 'qiskit.providers.jobstatus', 'JobStatus'), ['job has successfully run'],"
        " state=('dict', 2, [('_value_', 2)]))"
    ),
    "gate_instance": (
        "make(('call', 'qiskit.circuit.library.standard_gates.x', 'XGate'),"
        " state=('dict', 2, [('_name', 'h')]))"
    ),
    "slot_unknown": (
        "make(('new', 'qiskit.providers.options', 'Options'),"
        " state=('tuple', 2, [None, ('dict', 3, [('equiv', 1)])]))"
    ),
    "object_of_numbers": "('object', 1, 2, 3, 4, 5, 6, 7, 8)",
    "object_of_little": "('object', 1)",
    "named_tuple_of_code": "('namedtuple', 0, 'x); exit(', ['a'], [1])",
    "bomb_of_text": "'x' * (1 << 26)",
}

MESSAGES = {name: f"{_SPEAK}\n{code}\n" for name, code in _MESSAGES.items()}
NODES = {name: f"{_SPEAK}\ngive({node})\n" for name, node in _NODES.items()}
