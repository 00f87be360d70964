"""Exports a checkpoint with optimum, as `optimum-cli export onnx` does, and prints the most memory that took."""

import contextlib
import functools
import json
import resource
import sys

import torch.onnx

# optimum 1.24 was written against the tracing exporter, which newer PyTorch only uses when asked to.
torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)

from optimum.exporters.onnx import main_export


def main() -> None:
    folder, to = sys.argv[1:]
    # What it prints on the way is no part of the answer. It would run the model to compare: that is not export.
    with contextlib.redirect_stdout(sys.stderr):
        main_export(folder, output=to, task="feature-extraction", library_name="transformers", device="cpu", do_validation=False, local_files_only=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peakKilobytes": peak / 1024 if sys.platform == "darwin" else peak}))


main()
