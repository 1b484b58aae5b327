"""Arrays at an address, and one counter for many threads, for kernels of numba."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _pointer(number):
    @intrinsic
    def pointer(typing, address):
        signature = types.CPointer(number)(types.intp)

        def generate(context, builder, signature, arguments):
            wanted = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], wanted)

        return signature, generate

    return pointer


float32s = _pointer(types.float32)
float64s = _pointer(types.float64)
flags = _pointer(types.boolean)


@intrinsic
def take(typing, data):
    """The integer at a pointer, which one more is written to at the same time."""
    signature = types.intp(data)

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(types.intp)
        counter = builder.bitcast(arguments[0], kind.as_pointer())
        return builder.atomic_rmw("add", counter, ir.Constant(kind, 1), "monotonic")

    return signature, generate
