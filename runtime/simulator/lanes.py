"""Vector types for kernels: `words`, 512 bits on which logic works; `lanes`, 64 int32 neurons that one word of spikes selects; `sums`, 64 int64.

LLVM cuts them to the width that the CPU has; nothing here needs AVX-512, which only makes it faster.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from tritspike.runtime.bits import BLOCK

_BIT, _BYTE, _I16, _I32, _I64 = (ir.IntType(n) for n in (1, 8, 16, 32, 64))
_MASK = ir.VectorType(_BIT, 64)
_BYTES = ir.VectorType(_BYTE, 64)
_ODD, _MAJORITY = 0x96, 0xE8  # truth tables of a three-input gate, as vpternlog numbers them


class _Vector(types.Type):
    """A numba type that lives in vector registers."""

    def __init__(self, name: str, element: ir.IntType, count: int) -> None:
        self.form, self.octets = ir.VectorType(element, count), element.width // 8
        super().__init__(name=name)


WORDS, LANES, SUMS = _Vector("words", _I64, BLOCK), _Vector("lanes", _I32, 64), _Vector("sums", _I64, 64)


@register_model(_Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Vector) -> None:
        super().__init__(manager, kind, kind.form)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, form: Any) -> Any:
    """Address of element `at` of an array, counted through all its dimensions, as a pointer to `form`."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), form.as_pointer())


def _splat(builder: Any, scalar: Any, form: ir.VectorType) -> Any:
    nothing = ir.Constant(form, ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_I32, form.count), [0] * form.count))


def _loader(vector: _Vector) -> Any:
    @intrinsic
    def load(typing: Any, array: Any, at: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], vector.form), align=vector.octets)

        return vector(array, types.intp), emit

    return load


load_words, load_lanes = _loader(WORDS), _loader(LANES)


@intrinsic
def store(typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Write a vector to array[at], array[at + 1], ..."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _pointer(context, builder, signature.args[0], args[0], args[1], vector.form)
        builder.store(args[2], address, align=vector.octets)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), emit


@intrinsic
def at(typing: Any, array: Any, index: Any) -> Any:
    """array[index], index never negative: without the test for it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]]))

    return array.dtype(array, types.intp), emit


def _operator(symbol: Any, instruction: str) -> None:
    """Let a Python operator work between two vectors of one type."""

    @intrinsic
    def apply(typing: Any, a: Any, b: Any) -> Any:
        return a(a, b), lambda context, builder, signature, args: getattr(builder, instruction)(*args)

    @overload(symbol)
    def resolve(a: Any, b: Any) -> Any:
        def compiled(a: Any, b: Any) -> Any:
            return apply(a, b)

        return compiled if isinstance(a, _Vector) and a == b else None


for _symbol, _instruction in (
    (operator.and_, "and_"),
    (operator.xor, "xor"),
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.rshift, "ashr"),
    (operator.lshift, "shl"),
):
    _operator(_symbol, _instruction)


def _gate(table: int) -> Any:
    """A three-input gate on words: one instruction where AVX-512 is, otherwise what LLVM makes of plain logic."""

    @intrinsic
    def gate(typing: Any, a: Any, b: Any, c: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if "+avx512f" in context.codegen().magic_tuple()[2]:
                kind = ir.FunctionType(WORDS.form, [WORDS.form] * 3 + [_I32])
                ternlog = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.pternlog.q.512")
                return builder.call(ternlog, [*args, ir.Constant(_I32, table)])
            first, second, third = args
            either = builder.xor(first, second)
            if table == _ODD:
                return builder.xor(either, third)
            return builder.or_(builder.and_(first, second), builder.and_(either, third))

        return WORDS(WORDS, WORDS, WORDS), emit

    return gate


odd, majority = _gate(_ODD), _gate(_MAJORITY)


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """The same int32 in all lanes."""
    return LANES(types.int32), lambda context, builder, signature, args: _splat(builder, args[0], LANES.form)


@intrinsic
def above(typing: Any, a: Any, b: Any) -> Any:
    """The word of lanes where a > b."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.icmp_signed(">", *args), _I64)

    return types.uint64(LANES, LANES), emit


@intrinsic
def choose(typing: Any, word: Any, a: Any, b: Any) -> Any:
    """a in the lanes whose bit of `word` is set, b in the others."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.bitcast(args[0], _MASK), args[1], args[2])

    return LANES(types.uint64, LANES, LANES), emit


@intrinsic
def clamp(typing: Any, a: Any, limit: Any) -> Any:
    """Lanes cut to -limit..limit."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        top = _splat(builder, args[1], LANES.form)
        bottom = _splat(builder, builder.neg(args[1]), LANES.form)
        low = builder.select(builder.icmp_signed("<", args[0], top), args[0], top)
        return builder.select(builder.icmp_signed(">", low, bottom), low, bottom)

    return LANES(LANES, types.int32), emit


@intrinsic(prefer_literal=True)
def counted(typing: Any, planes: Any, index: Any, first: Any, count: Any) -> Any:
    """Lanes of sum over p < count of bit n of planes[8 * (first + p) + index] << p: at most seven planes of a vertical counter, a byte's 0..127."""
    start, many = first.literal_value, count.literal_value

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total = ir.Constant(_BYTES, None)
        for p in range(many):
            row = builder.add(args[1], ir.Constant(_I64, BLOCK * (start + p)))
            mask = builder.load(_pointer(context, builder, signature.args[0], args[0], row, _I64))
            more = builder.add(total, ir.Constant(_BYTES, [1 << p] * 64))
            total = builder.select(builder.bitcast(mask, _MASK), more, total)
        return builder.zext(total, LANES.form)

    return LANES(planes, types.intp, first, count), emit


@intrinsic
def multiply_pairs(typing: Any, total: Any, array: Any, index: Any, pair: Any) -> Any:
    """total + a * low + b * high in each lane n, where a, b are int16 array[index + 2n], [index + 2n + 1], and low, high the halves of `pair`."""
    wide = ir.VectorType(_I16, 128)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        matrix = builder.load(_pointer(context, builder, signature.args[1], args[1], args[2], wide), align=2)
        both = builder.bitcast(_splat(builder, args[3], LANES.form), wide)
        sums = _pair_sums if "+avx512bw" in context.codegen().magic_tuple()[2] else _plain_pair_sums
        return builder.add(args[0], sums(builder, matrix, both))

    return LANES(LANES, array, types.intp, types.int32), emit


@intrinsic
def multiply_bytes(typing: Any, total: Any, array: Any, index: Any, four: Any) -> Any:
    """total + the sum over k < 4 of int8 array[index + 4n + k] * uint8 k of `four`, in each lane n: one instruction for 16 lanes where VNNI is."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        matrix = builder.load(_pointer(context, builder, signature.args[1], args[1], args[2], LANES.form), align=1)
        same, features = _splat(builder, args[3], LANES.form), context.codegen().magic_tuple()[2].split(",")
        if "+avx512vnni" in features:
            return _byte_sums(builder, args[0], same, matrix)
        total, halves = args[0], _pair_sums if "+avx512bw" in features else _plain_pair_sums
        for shift in (8, 0):  # even bytes, then odd ones, as int16 that lie where both halves of a lane lie
            numbers = _high_bytes(builder, matrix, shift, "ashr"), _high_bytes(builder, same, shift, "lshr")
            total = builder.add(total, halves(builder, *numbers))
        return total

    return LANES(LANES, array, types.intp, types.int32), emit


def _byte_sums(builder: Any, total: Any, unsigned: Any, signed: Any) -> Any:
    """By VNNI's own instruction, a quarter at a time."""
    quarter = ir.VectorType(_I32, 16)
    multiply = cgutils.get_or_insert_function(builder.module, ir.FunctionType(quarter, [quarter] * 3), "llvm.x86.avx512.vpdpbusd.512")
    parts = [builder.call(multiply, [_pick(builder, v, range(at, at + 16)) for v in (total, unsigned, signed)]) for at in range(0, 64, 16)]
    halves = [_join(builder, *parts[:2]), _join(builder, *parts[2:])]
    return _join(builder, *halves)


def _high_bytes(builder: Any, vector: Any, shift: int, how: str) -> Any:
    """The upper byte of each int16, once shifted left by `shift`, as an int16: `how` it is shifted right says whether it is signed."""
    wide = ir.VectorType(_I16, 128)
    moved = builder.shl(builder.bitcast(vector, wide), ir.Constant(wide, [shift] * 128))
    return getattr(builder, how)(moved, ir.Constant(wide, [8] * 128))


def _pick(builder: Any, vector: Any, elements: Iterable[int]) -> Any:
    chosen = list(elements)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), ir.Constant(ir.VectorType(_I32, len(chosen)), chosen))


def _plain_pair_sums(builder: Any, a: Any, b: Any) -> Any:
    """Lanes of a[2n] * b[2n] + a[2n + 1] * b[2n + 1]."""
    low, high = (builder.mul(*(builder.sext(_pick(builder, v, range(side, 128, 2)), LANES.form) for v in (a, b))) for side in (0, 1))
    return builder.add(low, high)


def _pair_sums(builder: Any, a: Any, b: Any) -> Any:
    """The same by AVX-512's own instruction, a quarter at a time: LLVM does not find it in the above."""
    narrow, quarter = ir.VectorType(_I16, 32), ir.VectorType(_I32, 16)
    multiply = cgutils.get_or_insert_function(builder.module, ir.FunctionType(quarter, [narrow, narrow]), "llvm.x86.avx512.pmaddw.d.512")
    parts = [builder.call(multiply, [_pick(builder, v, range(at, at + 32)) for v in (a, b)]) for at in range(0, 128, 32)]
    halves = [_join(builder, *parts[:2]), _join(builder, *parts[2:])]
    return _join(builder, *halves)


def _join(builder: Any, a: Any, b: Any) -> Any:
    count = 2 * a.type.count
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, count), list(range(count))))


@intrinsic
def overlap(typing: Any, array: Any, index: Any, word: Any) -> Any:
    """Sums n: set bits of array[index + n] & word."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], SUMS.form), align=8)
        count = cgutils.get_or_insert_function(builder.module, ir.FunctionType(SUMS.form, [SUMS.form]), "llvm.ctpop.v64i64")
        return builder.call(count, [builder.and_(rows, _splat(builder, args[2], SUMS.form))])

    return SUMS(array, types.intp, types.uint64), emit


@intrinsic
def narrow(typing: Any, sums: Any) -> Any:
    """Sums as lanes."""
    return LANES(SUMS), lambda context, builder, signature, args: builder.trunc(args[0], LANES.form)


@intrinsic
def popcount(typing: Any, word: Any) -> Any:
    """Set bits of a word."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [_I64]), args)

    return types.int64(types.uint64), emit


@intrinsic
def lowest(typing: Any, word: Any) -> Any:
    """Number of the lowest set bit; `word` is not 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_I64, [_I64, _BIT])
        return builder.call(builder.module.declare_intrinsic("llvm.cttz", [_I64], kind), [args[0], ir.Constant(_BIT, 1)])

    return types.int64(types.uint64), emit


@intrinsic(prefer_literal=True)
def append(typing: Any, word: Any, first: Any, out: Any, end: Any, each: Any) -> Any:
    """Write, for every set bit i of `word` in order, the numbers each*(first + i) .. + each - 1 to `out` (uint16) from `end`; the new end.

    `each` is 1 or 2, a literal. Up to 32 numbers beyond the new end are overwritten.
    """
    count = each.literal_value
    lane = _I16 if count == 1 else _I32
    form = ir.VectorType(lane, 32 // count)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, first, out, end = args[:4]
        bits = ir.IntType(form.count)
        mask = ir.VectorType(_BIT, form.count)
        name = f"llvm.experimental.vector.compress.v{form.count}i{lane.width}"
        compress = cgutils.get_or_insert_function(builder.module, ir.FunctionType(form, [form, mask, form]), name)
        ones = builder.module.declare_intrinsic("llvm.ctpop", [bits])
        step = count * (0x10001 if count == 2 else 1)
        base = _splat(builder, builder.trunc(builder.mul(first, ir.Constant(_I64, step)), lane), form)
        for part in range(0, 64, form.count):
            chosen = builder.trunc(builder.lshr(word, ir.Constant(_I64, part)), bits)
            numbers = [_numbers(part + n, count) for n in range(form.count)]
            rows = builder.add(base, ir.Constant(form, numbers))
            found = builder.call(compress, [rows, builder.bitcast(chosen, mask), ir.Constant(form, ir.Undefined)])
            builder.store(found, _pointer(context, builder, signature.args[2], out, end, form), align=2)
            more = builder.zext(builder.call(ones, [chosen]), _I64)
            end = builder.add(end, builder.mul(more, ir.Constant(_I64, count)))
        return end

    return types.intp(types.uint64, types.intp, out, types.intp, each), emit


def _numbers(bit: int, count: int) -> int:
    """A bit's row number, or its two as the halves of an int32."""
    return bit if count == 1 else (2 * bit + 1) << 16 | 2 * bit
