"""Exports a BERT folder to float32 ONNX as transformers.js's conversion script does: optimum's exporter, then onnxslim.

    python export_reference.py <model folder> <output folder>

writes the layout that transformers.js loads: config.json and tokenizer files, and onnx/model.onnx.
"""

import argparse
import functools
import os
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import onnx
import onnxslim
import torch.onnx

# optimum 1.24 was written against the tracing exporter, which newer PyTorch only uses when asked to.
torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)

from optimum.exporters.onnx import main_export


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--task", default="feature-extraction")
    parser.add_argument("--no-slim", action="store_true", help="leave the graph as PyTorch wrote it")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        # library_name: a sentence-transformers folder would otherwise be exported with its pooling inside,
        # whereas transformers.js pools the encoder's last_hidden_state itself.
        main_export(str(arguments.model), output=temporary, task=arguments.task, library_name="transformers",
                    device="cpu", do_validation=True)
        model = Path(temporary) / "model.onnx"
        if not arguments.no_slim:
            onnx.save(onnxslim.slim(str(model)), model)
        (arguments.output / "onnx").mkdir(parents=True, exist_ok=True)
        for file in Path(temporary).iterdir():
            shutil.copyfile(file, arguments.output / ("onnx" if file.suffix == ".onnx" else "") / file.name)


if __name__ == "__main__":
    main()
