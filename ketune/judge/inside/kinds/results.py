"""Results of simulators and primitives, their jobs, and primitives themselves."""

import concurrent.futures
import dataclasses
from typing import Any

import numpy as np
from qiskit.primitives import (
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import JobStatus, Options
from qiskit.result import Counts, ProbDistribution, QuasiDistribution, Result
from qiskit.result.models import ExperimentResult, ExperimentResultData
from qiskit_aer.jobs import AerJob
from qiskit_aer.primitives import EstimatorV2 as AerEstimator
from qiskit_aer.primitives import SamplerV2 as AerSampler
from qiskit_ibm_runtime import EstimatorOptions, EstimatorV2, SamplerOptions, SamplerV2  # type: ignore[import-untyped]
from qiskit_ibm_runtime.fake_provider.local_runtime_job import LocalRuntimeJob  # type: ignore[import-untyped]
from qiskit_ibm_runtime.options.utils import Unset  # type: ignore[import-untyped]

from ketune.judge.inside.decode import Decoder, check_plain
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.opaque import Opaque
from ketune.judge.inside.wire import Node, Refused

_PUBS = (PubResult, SamplerPubResult)


def _named(mapping: Any, encoder: Encoder) -> Node:
    return [[str(name), encoder.encode(value)] for name, value in mapping.items()]


def _take_counts(value: Any, encoder: Encoder) -> list[Node]:
    return [
        [[encoder.part(key), encoder.part(_plain(n))] for key, n in dict.items(value)],
        encoder.part(value.creg_sizes),
        value.memory_slots,
        encoder.part(_plain(value.time_taken)),
    ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _make_counts(
    decoder: Decoder, pairs: Node, registers: Node, slots: Node, seconds: Node
) -> Counts:
    content = {}
    for pair in decoder.bare(pairs):
        key, number = decoder.bare(pair)
        content[decoder.of(key, str, int)] = decoder.real(number)
    made = Counts(content)
    if dict(made) != content:
        raise Refused("counts of keys that are no outcomes")
    made.creg_sizes = decoder.data(registers)
    made.memory_slots = decoder.optional(decoder.integer, slots)
    made.time_taken = decoder.optional(decoder.real, seconds)
    return made


def _distribution(cls: Any, *attributes: str) -> Kind:
    def take(value: Any, encoder: Encoder) -> list[Node]:
        pairs = [[encoder.part(_plain(k)), encoder.part(_plain(p))] for k, p in value.items()]
        extra = [encoder.part(_plain(getattr(value, name))) for name in attributes]
        return [pairs, extra]

    def make(decoder: Decoder, pairs: Node, extra: Node) -> Any:
        content = {}
        for pair in decoder.bare(pairs):
            key, number = decoder.bare(pair)
            content[decoder.integer(key)] = decoder.real(number)
        values = [decoder.optional(decoder.real, node) for node in decoder.bare(extra)]
        return cls(content, **dict(zip(attributes, values, strict=True)))

    return Kind(cls.__name__, (cls,), take, make)


def _take_bits(value: Any, encoder: Encoder) -> list[Node]:
    return [encoder.array(np.asarray(value.array, dtype=np.uint8)), value.num_bits]


def _make_bits(decoder: Decoder, array: Node, count: Node) -> BitArray:
    bits = decoder.numbers(array, "|u1")
    number = decoder.integer(count, 0, 1 << 20)
    if bits.ndim < 2 or bits.shape[-1] != -(-number // 8):
        raise Refused(f"{number} bits in an array of shape {bits.shape}")
    if number % 8 and (bits[..., 0] >> number % 8).any():
        raise Refused(f"more than {number} bits")
    return BitArray(bits, number)


def _take_bin(value: Any, encoder: Encoder) -> list[Node]:
    return [list(value.shape), _named(dict(value.items()), encoder)]


def _make_bin(decoder: Decoder, shape: Node, fields: Node) -> DataBin:
    sizes = tuple(decoder.integer(size, 0, 1 << 30) for size in decoder.bare(shape))
    return DataBin(shape=sizes, **decoder.names(fields))


def _metadata(decoder: Decoder, node: Node) -> dict[Any, Any]:
    found: dict[Any, Any] = decoder.of(node, dict)
    return found


def _pub(cls: Any) -> Kind:
    return Kind(
        cls.__name__,
        (cls,),
        lambda value, encoder: [encoder.part(value.data), encoder.encode(value.metadata)],
        lambda decoder, data, metadata: cls(
            decoder.of(data, DataBin), _metadata(decoder, metadata)
        ),
    )


def _make_primitive_result(decoder: Decoder, pubs: Node, metadata: Node) -> Any:
    return PrimitiveResult(
        [decoder.of(node, *_PUBS) for node in decoder.bare(pubs)], _metadata(decoder, metadata)
    )


def _take_result(value: Any, encoder: Encoder) -> list[Node]:
    known = ("backend_name", "backend_version", "job_id", "success", "date", "status", "header")
    return [
        [[name, encoder.encode(getattr(value, name))] for name in known],
        encoder.parts(value.results),
        _named(value._metadata, encoder),
    ]


def _make_result(decoder: Decoder, known: Node, results: Node, extra: Node) -> Result:
    made = [decoder.of(node, ExperimentResult) for node in decoder.bare(results)]
    fields = decoder.names(extra) | decoder.names(known)
    return Result(**_without_classes(fields), results=made)


def _without_classes(fields: dict[str, Any]) -> dict[str, Any]:
    # They are found as attributes wherever the class has none.
    if {"self", "data", "results"} & set(fields):
        raise Refused("a result with a field of another's name")
    return fields


def _take_experiment(value: Any, encoder: Encoder) -> list[Node]:
    return [
        encoder.part(value.shots),
        bool(value.success),
        encoder.part(value.data),
        int(value.meas_level),
        encoder.encode(value.header),
        str(value.status),
        getattr(value, "seed", None),
        getattr(value, "meas_return", None) and str(value.meas_return),
        _named(value._metadata, encoder),
    ]


def _make_experiment(
    decoder: Decoder,
    shots: Node,
    success: Node,
    data: Node,
    level: Node,
    header: Node,
    status: Node,
    seed: Node,
    returned: Node,
    extra: Node,
) -> ExperimentResult:
    options: dict[str, Any] = {}
    if seed is not None:
        options["seed"] = decoder.integer(seed)
    if returned is not None:
        options["meas_return"] = decoder.choice(returned, ("avg", "single"))
    return ExperimentResult(
        decoder.of(shots, int, tuple),
        decoder.flag(success),
        decoder.of(data, ExperimentResultData),
        meas_level=decoder.integer(level, 0, 2),
        header=decoder.of(header, dict, type(None)),
        status=decoder.text(status),
        **options,
        **_without_classes(decoder.names(extra)),
    )


def _take_data(value: Any, encoder: Encoder) -> list[Node]:
    return [[[name, encoder.encode(getattr(value, name))] for name in value._data_attributes]]


def _make_data(decoder: Decoder, fields: Node) -> ExperimentResultData:
    return ExperimentResultData(**_without_classes(decoder.names(fields)))


# Jobs: what has been computed when they cross.


def _take_job(value: Any, encoder: Encoder) -> list[Node]:
    try:
        result = value.result()
    except Exception as error:
        raise Unencodable(f"a job that failed: {error}") from None
    backend = getattr(value, "_backend", None)
    return [type(value).__name__, value.job_id(), encoder.part(result), encoder.encode(backend)]


_JOBS = {cls.__name__: cls for cls in (PrimitiveJob, LocalRuntimeJob, AerJob)}


def _make_job(decoder: Decoder, name: Node, number: Node, result: Node, backend: Node) -> Any:
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future.set_result(decoder.of(result, PrimitiveResult, Result))
    device = decoder.decode(backend)
    text = decoder.text(number)
    if decoder.choice(name, _JOBS) == "AerJob":
        made = AerJob(device, text, None)
        made._future = future
        return made
    if name == "LocalRuntimeJob":
        made = LocalRuntimeJob(future, device, "sampler", {}, None)
    else:
        made = PrimitiveJob(None)
        made._future = future
    made._job_id, made._status, made._result = text, JobStatus.DONE, future.result()
    return made


def _options(decoder: Decoder, fields: Node) -> Options:
    return Options(**decoder.names(fields))


# Primitives that Qiskit itself computes, by their arguments.


def _statevector(cls: Any, shots: str) -> Kind:
    def take(value: Any, encoder: Encoder) -> list[Node]:
        seed = getattr(value, "_seed", None)
        return [encoder.part(_plain(getattr(value, f"_{shots}"))), encoder.part(_plain(seed))]

    def make(decoder: Decoder, amount: Node, seed: Node) -> Any:
        return cls(**{shots: decoder.real(amount), "seed": decoder.optional(decoder.integer, seed)})

    return Kind(f"Statevector{cls.__name__}", (cls,), take, make)


def _fields(value: Any) -> Any:
    """Options as plain data, without what is not set."""
    if not dataclasses.is_dataclass(value):
        return value
    found = {
        field.name: _fields(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if not field.name.startswith("_") and getattr(value, field.name) is not Unset
    }
    return {name: item for name, item in found.items() if item is not None and item != {}}


def _runtime_options(cls: Any) -> Kind:
    def make(decoder: Decoder, fields: Node) -> Any:
        options = decoder.of(fields, dict)
        check_plain(options)
        return cls(**options)

    return Kind(cls.__name__, (cls,), lambda value, encoder: [encoder.part(_fields(value))], make)


def _runtime(cls: Any, options: Any) -> Kind:
    def make(decoder: Decoder, backend: Node, fields: Node) -> Any:
        device = decoder.decode(backend)
        if type(device) is Opaque:
            raise Refused("a primitive of an unknown backend")
        return cls(mode=device, options=decoder.of(fields, options))

    return Kind(
        f"Runtime{cls.__name__}",
        (cls,),
        lambda value, encoder: [encoder.part(value._backend), encoder.part(value.options)],
        make,
    )


def _aer(cls: Any) -> Kind:
    def take(value: Any, encoder: Encoder) -> list[Node]:
        options = dataclasses.asdict(value.options)
        shots = getattr(value, "_default_shots", None)
        return [encoder.part(options), shots, getattr(value, "_seed", None)]

    def make(decoder: Decoder, fields: Node, shots: Node, seed: Node) -> Any:
        options = decoder.data(fields)
        if shots is None:
            return cls(options=options)
        amount, start = decoder.integer(shots), decoder.optional(decoder.integer, seed)
        return cls(default_shots=amount, seed=start, options=options)

    return Kind(f"Aer{cls.__name__}", (cls,), take, make)


KINDS = [
    Kind("Counts", (Counts,), _take_counts, _make_counts),
    _distribution(QuasiDistribution, "shots", "stddev_upper_bound"),
    _distribution(ProbDistribution, "shots"),
    Kind("BitArray", (BitArray,), _take_bits, _make_bits),
    Kind("DataBin", (DataBin,), _take_bin, _make_bin),
    *map(_pub, _PUBS),
    Kind(
        "PrimitiveResult",
        (PrimitiveResult,),
        lambda value, encoder: [encoder.parts(value), encoder.encode(value.metadata)],
        _make_primitive_result,
    ),
    Kind("Result", (Result,), _take_result, _make_result),
    Kind("ExperimentResult", (ExperimentResult,), _take_experiment, _make_experiment),
    Kind("ExperimentResultData", (ExperimentResultData,), _take_data, _make_data),
    Kind("job", tuple(_JOBS.values()), _take_job, _make_job),
    Kind(
        "Options",
        (Options,),
        lambda value, encoder: [_named(value._fields, encoder)],
        _options,
    ),
    _statevector(StatevectorSampler, "default_shots"),
    _statevector(StatevectorEstimator, "default_precision"),
    *map(_runtime_options, (SamplerOptions, EstimatorOptions)),
    _runtime(SamplerV2, SamplerOptions),
    _runtime(EstimatorV2, EstimatorOptions),
    *map(_aer, (AerSampler, AerEstimator)),
]
