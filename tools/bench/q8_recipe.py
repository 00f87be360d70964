"""Quantises a float32 ONNX file as transformers.js's conversion script does for its `q8` type.

    python q8_recipe.py onnx/model.onnx [onnx/model_quantized.onnx]

Dynamic quantisation by ONNX Runtime: uint8 activations, 8-bit weights of constant right-hand sides of MatMul,
embeddings and the other operators of its integer registry, inside subgraphs too. Prints the result's structure.
"""

import argparse
import collections
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantizationMode, QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.registry import IntegerOpsRegistry

# A graph that holds one of these gets unsigned weights, any other signed ones.
UNSIGNED_BECAUSE_OF = {"Conv", "GroupQueryAttention", "MultiHeadAttention"}


def operators(graph: onnx.GraphProto) -> collections.Counter:
    found = collections.Counter(node.op_type for node in graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found.update(operators(attribute.g))
    return found


def quantise(source: Path, target: Path, per_channel: bool, reduce_range: bool) -> None:
    model = onnx.load(source)
    unsigned = UNSIGNED_BECAUSE_OF & operators(model.graph).keys()
    quantizer = ONNXQuantizer(
        model,
        per_channel,
        reduce_range,
        mode=QuantizationMode.IntegerOps,
        static=False,
        weight_qType=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=set(IntegerOpsRegistry),
        extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, target)


def describe(path: Path) -> dict:
    """Operators, and every quantised weight with its type, shape, range, scale and zero point."""
    model = onnx.load(path)
    tensors = {one.name: one for one in model.graph.initializer}
    weights = []
    for name in tensors:
        if not name.endswith("_quantized"):
            continue
        base = name.removesuffix("_quantized")
        values, scale, zero = (numpy_helper.to_array(tensors[one])
                               for one in (name, f"{base}_scale", f"{base}_zero_point"))
        weights.append({
            "name": name,
            "dtype": str(values.dtype),
            "shape": list(values.shape),
            "min": int(values.min()),
            "max": int(values.max()),
            "scaleShape": list(scale.shape),
            "zeroPoints": sorted({int(one) for one in np.atleast_1d(zero)}),
            "usedBy": sorted({node.op_type for node in model.graph.node if name in node.input}),
        })
    return {
        "irVersion": model.ir_version,
        "opsets": {one.domain or "ai.onnx": one.version for one in model.opset_import},
        "inputs": [one.name for one in model.graph.input],
        "outputs": [one.name for one in model.graph.output],
        "bytes": path.stat().st_size,
        "operators": dict(sorted(operators(model.graph).items())),
        "weights": weights,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--decoder", action="store_true",
                        help="per tensor and full range, as for GPT-like, Llama-like and speech models")
    arguments = parser.parse_args()
    output = arguments.output or arguments.model.with_name(f"{arguments.model.stem}_quantized.onnx")
    quantise(arguments.model, output, per_channel=not arguments.decoder, reduce_range=not arguments.decoder)
    print(json.dumps(describe(output), indent=1))


if __name__ == "__main__":
    main()
