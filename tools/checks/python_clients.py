"""Loads what `tenon export` writes with the Python clients: onnxruntime, ONNX's own checker, and optimum where it is installed.

    npm run build
    python tools/checks/python_clients.py [--portable] [--link] [family/fixture …]

Exports the fixtures of packages/models that are a family's head and nothing special otherwise, and compares what each
client computes with the numbers of PyTorch that the fixtures hold. Exits with 1 when one is further away than 1e-4.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "packages/models/fixtures"
TOLERANCE = 1e-4

# The fixture's folder, and optimum's class for it where there is one.
HEADS = {
    "base": "ORTModelForFeatureExtraction",
    "masked-lm": "ORTModelForMaskedLM",
    "sequence-classification": "ORTModelForSequenceClassification",
    "token-classification": "ORTModelForTokenClassification",
    "question-answering": "ORTModelForQuestionAnswering",
    "multiple-choice": "ORTModelForMultipleChoice",
    "next-sentence-prediction": None,
    "pre-training": None,
    "pretraining": None,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fixtures", nargs="*", help="such as bert/masked-lm; default: all")
    parser.add_argument("--portable", action="store_true", help="export in standard operators")
    parser.add_argument("--link", action="store_true", help="export with linked weights")
    arguments = parser.parse_args()
    optimum = importlib.util.find_spec("optimum") is not None and importlib.util.find_spec("optimum.onnxruntime") is not None
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, {'optimum too' if optimum else 'optimum is not installed'}")

    fixtures = [FIXTURES / name for name in arguments.fixtures] or sorted(path.parent for path in FIXTURES.glob("*/*/expected.json") if path.parent.name in HEADS)
    failed = 0
    for fixture in fixtures:
        with tempfile.TemporaryDirectory() as temporary:
            exported = export(fixture, Path(temporary), arguments)
            results = {"onnxruntime": run_onnxruntime, "checker": check}
            if optimum and HEADS[fixture.name]:
                results["optimum"] = run_optimum
            line = []
            for name, client in results.items():
                try:
                    worst = client(exported, fixture)
                    good = worst <= TOLERANCE
                    line.append(f"{name} {worst:.1e}" if name != "checker" else name)
                except Exception as error:  # every client has errors of its own
                    good = False
                    line.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
                failed += not good
        print(f"{fixture.relative_to(FIXTURES)}: {', '.join(line)}")
    print(f"{failed} failed")
    return 1 if failed else 0


def export(fixture: Path, temporary: Path, arguments: argparse.Namespace) -> Path:
    """The fixture as a checkpoint, which may have its weights in several files, and that exported."""
    weights = json.loads((fixture / "expected.json").read_text())["weights"]
    tensors = {}
    for file in [weights] if isinstance(weights, str) else weights:
        tensors |= load_file(fixture / file)
    checkpoint = temporary / "checkpoint"
    checkpoint.mkdir()
    shutil.copy(fixture / "config.json", checkpoint)
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    options = [f"--{name}" for name in ("portable", "link") if getattr(arguments, name)]
    subprocess.run(["node", ROOT / "packages/cli/dist/bin.js", "export", checkpoint, "--to", temporary / "exported", "--quiet", *options], check=True, stdout=subprocess.DEVNULL)
    return temporary / "exported"


def cases(fixture: Path):
    """Each input as arrays, and what PyTorch makes of it. An input that a case lacks takes the model's default."""
    expected = json.loads((fixture / "expected.json").read_text())
    inputs = json.loads((fixture / expected["inputs"]).read_text())
    for name, outputs in expected["cases"].items():
        given = {key: array(value, numpy.int64) for key, value in inputs[name].items()}
        given.setdefault("attention_mask", numpy.ones_like(given["input_ids"]))
        given.setdefault("token_type_ids", numpy.zeros_like(given["input_ids"]))
        yield given, {key: array(value, numpy.float32) for key, value in outputs.items()}


def array(written: dict, dtype) -> numpy.ndarray:
    return numpy.array(written["data"], dtype).reshape(written["shape"])


def apart(actual: numpy.ndarray, expected: numpy.ndarray) -> float:
    return float(numpy.abs(actual - expected).max()) if actual.shape == expected.shape else float("inf")


def run_onnxruntime(exported: Path, fixture: Path) -> float:
    session = onnxruntime.InferenceSession(exported / "onnx/model.onnx", providers=["CPUExecutionProvider"])
    wanted = {each.name for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    worst = 0.0
    for given, expected in cases(fixture):
        outputs = dict(zip(names, session.run(None, {name: value for name, value in given.items() if name in wanted})))
        worst = max(worst, *(apart(outputs[name], value) for name, value in expected.items()))
    return worst


def check(exported: Path, _fixture: Path) -> float:
    """Throws where the file is no valid ONNX; types and shapes are followed where every operator is a standard one."""
    path = str(exported / "onnx/model.onnx")
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(path, full_check=all(node.domain == "" for node in model.graph.node))
    onnx.load(path)
    return 0.0


def run_optimum(exported: Path, fixture: Path) -> float:
    import optimum.onnxruntime
    import torch

    model = getattr(optimum.onnxruntime, HEADS[fixture.name]).from_pretrained(exported, subfolder="onnx", file_name="model.onnx", local_files_only=True)
    worst = 0.0
    for given, expected in cases(fixture):
        outputs = model(**{name: torch.from_numpy(value) for name, value in given.items()})
        compared = {name: value for name, value in expected.items() if name in outputs}
        assert compared, f"optimum gives {list(outputs)}"
        worst = max(worst, *(apart(outputs[name].numpy(), value) for name, value in compared.items()))
    return worst


if __name__ == "__main__":
    sys.exit(main())
