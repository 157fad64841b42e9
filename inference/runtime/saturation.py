"""Whether onnxruntime's INT8 kernels for this processor lose what does not fit into 16 bits.

On x86 without VNNI, products of uint8 activations and int8 weights are added in pairs in 16 bits
and saturate (microsoft/onnxruntime#6004). A session option turns such weights into uint8, which is
exact and slower; with VNNI it would only be slower. Some systems hide what the processor offers, so
the kernels themselves are tried.
"""

import base64
from functools import cache

import numpy as np
import onnxruntime as ort

# An ONNX file with a single MatMulInteger, uint8 [2, 8] x int8 [8, 16] -> int32 [2, 16]. Serving
# has no package that could make one.
_PRODUCT = base64.b64decode(
    "CAo6XAoYCgFhCgFiEgFjIg1NYXRNdWxJbnRlZ2VyEgFwWhMKAWESDgoMCAISCAoCCAIKAggIWhMKAWISDgoMCAMSCAoC"
    "CAgKAggQYhMKAWMSDgoMCAYSCAoCCAIKAggQQgQKABAK"
)
_SHAPE = (2, 8, 16)


@cache
def saturates() -> bool:
    """Whether sums of the largest products are incorrect; found out once, in a millisecond.

    Example:
        >>> saturates() in (True, False)
        True
    """
    rows, inner, columns = _SHAPE
    session = ort.InferenceSession(_PRODUCT, providers=["CPUExecutionProvider"])
    a, b = np.full((rows, inner), 255, np.uint8), np.full((inner, columns), 127, np.int8)
    [product] = session.run(None, {"a": a, "b": b})
    return bool((product != 255 * 127 * inner).any())
