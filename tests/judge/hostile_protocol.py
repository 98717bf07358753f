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
BLOCKS = []

def raw(data):
    BLOCKS.append(data)
    return len(BLOCKS) - 1

def array(kind, shape, data):
    return [kind, list(shape), raw(data)]

def speak(*answers):
    peer.send(["ready", ["f"]])
    peer.receive()
    peer.send(["return", ["tuple", 0, ["value", ["function", 1, "f"], ""]], [], ""])
    while True:
        peer.receive()
        for answer in answers:
            peer.send(answer, BLOCKS)

def give(node, *changes):
    speak(["return", node, list(changes), ""])

ZEROS = array("<c16", (4, 4), bytes(256))
def operator(data=ZEROS, inputs=(2, 2), outputs=(2, 2)):
    return ["Operator", 1, data, list(inputs), list(outputs)]
def circuit(table=(), lines=(), wires=(), numbers=(), name="c", metadata=None):
    pack = lambda code, values: struct.pack(f"<{len(values)}{code}", *values)
    return ["circuit", 2, name, [["Qubit", 3, ["QuantumRegister", 4, "q", 2, None], 0],
            ["Qubit", 5, ["seen", 4], 1]], [], [["seen", 4]], 0.0, metadata, [[], [], [], []],
            list(table), array("<i4", [len(lines)], pack("i", lines)),
            array("<i4", [len(wires)], pack("i", wires)), array("<i4", [0], b""),
            array("<f8", [len(numbers)], pack("d", numbers)), None, [None, "dt"], None]
def gate(name="g", qubits=2, params=(), definition=None):
    return ["Gate", 6, name, qubits, 0, list(params), None, definition]
open("/tmp/test_code.py", "w").write(CODE)
open("/tmp/x.npy", "w").write(CODE)
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
    "change_into_what_cannot_cross": "give(7, (0, ['as', 'R', [], ['opaque', 1, 'x']]))",
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

_NODES = {
    "eval": "['object', 1, ['call', 'builtins', 'eval'], ['exit()']]",
    "library_with_a_main": "['library', 'unittest.__main__', 'main']",
    "program_starter": "['call', 'subprocess', 'Popen', ['true']]",
    "reads_a_pickle": "['SolovayKitaevDecomposition', 1, '/tmp/x.npy']",
    "items_of_no_iterator": "['lazy', 0, 1]",
    "iterator_in_options": "['Options', 1, [['equiv', ['lazy', 0, 1]]]]",
    "view_of_a_name": "['view', 0, '__class__', []]",
    "class": "['class', 'qiskit.quantum_info.operators.operator', 'Operator']",
    "class_of_class": "['class', 'builtins', 'type']",
    "class_of_no_name": "['class', ['list', 0, []], 'x']",
    "module": "['module', 'os']",
    "unknown_tag": "['decode', ['list', 0, []]]",
    "dunder_tag": "['__init__', 1]",
    "tag_of_a_list": "[['list'], 0, []]",
    "bare_list": "[1, 2]",
    "empty": "[]",
    "mapping": "{'a': 1}",
    "home": "['home', 0]",
    "home_negative": "['home', -1]",
    "passed": "['passed', 10**9]",
    "passed_negative": "['passed', -99]",
    "seen_unknown": "['seen', 99]",
    "seen_of_a_list": "['seen', ['list', 0, []]]",
    "bytes_that_are_not_there": "['bytes', 99]",
    "bytes_negative": "['bytes', -1]",
    "stub_named_code": "['function', 1, 'x():\\n    pass\\ndef y']",
    "stub_in_options": "['Options', 1, [['equiv', ['function', 1, 'equiv']]]]",
    "class_in_options": "['Options', 1, [['equiv', ['class', 'builtins', 'bool']]]]",
    "stub_through_seen": (
        "['list', 0, [['list', 9, [['function', 1, 'f']]], ['Options', 1, [['a', ['seen', 9]]]],"
        " ['Options', 2, [['equiv', ['home', 0]]]]]]"
    ),
    "stub_in_a_result": "['Result', 1, [], [], [['equiv', ['function', 1, 'equiv']]]]",
    "stub_in_a_bin": "['DataBin', 1, [], [['equiv', ['function', 1, 'equiv']]]]",
    "stub_in_named_tuple": "['namedtuple', 0, 'N', ['equiv'], [['function', 1, 'equiv']]]",
    "stub_in_record": (
        "['record', 0, 'R', [], [['equiv', ['function', 1, 'equiv']]], [], [], [1, 1]]"
    ),
    "record_with_methods": "['record', 0, 'R', [], [], [], [['equiv', 1]], [1, 1]]",
    "memory_through_record": (
        "['record', 0, 'R', [], [['__array_interface__', ['dict', 1, []]]], [], [], [1, 1]]"
    ),
    "operator_of_a_record": (
        "['record', 0, 'R', [], [], ['__class__', '__del__', '__new__'], [], [1, 1]]"
    ),
    "text_of_a_record_no_text": "['record', 0, 'R', [], [], [], [], [1, -1]]",
    "base_of_a_function": "['as', 'R', ['a.R'], ['function', 1, 'f']]",
    "base_in_options": "['Options', 1, [['equiv', ['as', 'R', ['a.R'], ['function', 1, 'f']]]]]",
    "memory_through_namespace": "['SimpleNamespace', 0, [['__array_struct__', 1]]]",
    "empty_operator": "operator(array('<c16', (0, 4, 4), b''))",
    "flat_operator": "operator(array('<c16', (16,), bytes(256)))",
    "operator_of_no_dimensions": "operator(inputs=(), outputs=())",
    "operator_of_dimension_zero": "operator(array('<c16', (0, 0), b''), (0,), (0,))",
    "operator_of_nan": "operator(array('<c16', (4, 4), b'\\xff' * 256))",
    "operator_of_floats": "operator(array('<f8', (4, 4), bytes(128)))",
    "tolerance": "[*operator(), 1e9]",
    "operator_as_its_data": "operator(operator())",
    "empty_vector": "['Statevector', 1, array('<c16', (0,), b''), [2, 2]]",
    "empty_density": "['DensityMatrix', 1, array('<c16', (0, 4, 4), b''), [4]]",
    "clifford_of_zeros": "['Clifford', 1, array('|b1', (4, 5), bytes(20))]",
    "clifford_of_nothing": "['Clifford', 1, array('|b1', (0, 1), b'')]",
    "paulis_of_nothing": (
        "['PauliList', 1, array('|b1', (0, 2), b''), array('|b1', (0, 2), b''),"
        " array('<i8', (0,), b'')]"
    ),
    "counts_of_functions": "['Counts', 1, [['00', ['function', 1, 'f']]], None, None, None]",
    "objects_as_bytes": "['ndarray', 0, *array('|O', (1,), bytes(8))]",
    "objects_in_fields": ("['ndarray', 0, ['fields', [['a', '|O', 0]], 8], [1], raw(bytes(8))]"),
    "bools_that_are_none": "['ndarray', 0, *array('|b1', (1,), b'\\x02')]",
    "bools_that_are_none_in_fields": (
        "['ndarray', 0, ['fields', [['a', '|b1', 0, None]], 1], [1], raw(b'\\x02')]"
    ),
    "category_out_of_bounds": (
        "['Series', 1, ['range', [0, 1, 1], [None]], ['category',"
        " [array('<i8', (1,), b'\\x05' * 8), ['list', ['x'], 'object'], False], None], None]"
    ),
    "mask_of_another_length": (
        "['Series', 1, ['range', [0, 1, 1], [None]], ['nullable', [array('<i8', (1,), bytes(8)),"
        " array('|b1', (2,), bytes(2))], 'Int64'], None]"
    ),
    "edges_of_functions": (
        "['edges or degrees', 1, 'EdgeView', ['function', 1, 'f'], None, ['dict', 2, []]]"
    ),
    "fields_out_of_bounds": (
        "['ndarray', 0, ['fields', [['a', '<f8', 1 << 40]], 8], [1], raw(bytes(8))]"
    ),
    "texts_as_bytes": "['ndarray', 0, *array('T', (1,), bytes(16))]",
    "array_larger": "['ndarray', 0, *array('<f8', (1 << 40,), bytes(8))]",
    "array_negative": "['ndarray', 0, *array('<f8', (-1, -1), bytes(8))]",
    "array_of_nothing_large": "['ndarray', 0, *array('<f8', (0, 1 << 47), b'')]",
    "sparse_out_of_bounds": (
        "['sparse', 1, 'csr_matrix', [2, 2], array('<f8', (1,), bytes(8)),"
        " [array('<i8', (1,), b'\\x7f' * 8), array('<i8', (1,), bytes(8))]]"
    ),
    "random_out_of_bounds": (
        "['RandomState', 0, array('<u4', (624,), bytes(2496)), 10**6, 0, 0.0]"
    ),
    "random_of_a_name": "['Generator', 0, 'seed', [], []]",
    "pass_of_a_name": "['pass', 0, 'MetaPass', 'x', False, 1, [], [], []]",
    "pass_with_a_method": (
        "['pass', 0, 'TransformationPass', 'x', False, 1, [], [['name', 'y']], []]"
    ),
    "wire_out_of_bounds": "circuit([['n', 'h', None]], [0], [9])",
    "wire_negative": "circuit([['n', 'h', None]], [0], [-1])",
    "wire_twice": "circuit([['n', 'cx', None]], [0], [1, 1])",
    "line_out_of_bounds": "circuit([['n', 'h', None]], [7], [0])",
    "gate_without_parameters": "circuit([['n', 'rx', None]], [0], [0])",
    "gate_of_nan": "circuit([['n', 'rx', None]], [0], [0], [float('nan')])",
    "gate_unknown": "circuit([['n', 'nothing', None]], [0], [0])",
    "gate_on_too_few": "circuit([['o', gate(), 1, 0]], [0], [0])",
    "gate_of_another_width": "circuit([['o', gate(definition=circuit()), 3, 0]], [0], [0, 1])",
    "gate_of_functions": "gate(params=[['function', 1, 'f']])",
    "gate_that_is_a_number": "circuit([['o', 7, 2, 0]], [0], [0, 1])",
    "gate_of_a_definition_too_wide": "gate(qubits=1, definition=circuit())",
    "metadata_of_functions": "circuit(metadata=['dict', 9, [['a', ['function', 1, 'f']]]])",
    "controlled_number": "['ControlledGate', 1, 7, 1, 1, None, 'x', None]",
    "fake_of_another_name": "['fake', 1, 'QiskitRuntimeService', []]",
    "job_of_a_function": "['job', 1, 'PrimitiveJob', 'x', ['function', 1, 'f'], None]",
    "figure_of_a_callback": "['Figure', 1, [6, 4], 100, [1, 1, 1, 1], '', ['function', 1, 'f'],"
    " ['', ''], [], [], []]",
    "figure_without_end": "['Figure', 1, [1e9, 1e9], 100, [1, 1, 1, 1], '', None,"
    " ['', ''], [], [], []]",
    "image_too_large": "['Image', 1, 'RGB', [9, 9], raw(b'x'), None]",
    "named_tuple_of_code": "['namedtuple', 0, 'x); exit(', ['a'], [1]]",
    "named_tuple_of_methods": "['namedtuple', 0, 'N', ['__eq__'], [1]]",
    "bomb_of_text": "'x' * (1 << 26)",
    "opaque": "['opaque', 1, 'Operator']",
    "opaque_of_no_name": "['opaque', 1, ['list', 0, []]]",
}

MESSAGES = {name: f"{_SPEAK}\n{code}\n" for name, code in _MESSAGES.items()}
NODES = {name: f"{_SPEAK}\ngive({node})\n" for name, node in _NODES.items()}
