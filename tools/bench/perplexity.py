"""The perplexity that PyTorch finds for the tokens that bench/perplexity/run-perplexity.mjs wrote with --ids, on the dequantised weights of the same GGUF file.

    pip install torch transformers gguf accelerate
    python tools/bench/perplexity.py model.gguf ids.json
"""

import json
import math
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)


def main(file: Path, ids: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    total = count = 0
    for window in json.loads(ids.read_text(encoding="utf-8")):
        tokens = torch.tensor([window])
        with torch.no_grad():
            logprobs = model(tokens).logits.float().log_softmax(-1)[0, :-1].gather(1, tokens[0, 1:, None])
        total += logprobs.sum().item()
        count += logprobs.numel()
    print(json.dumps({"tokens": count, "pytorch": math.exp(-total / count)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
