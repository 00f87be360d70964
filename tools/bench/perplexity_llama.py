"""The perplexity that llama.cpp finds for the tokens that bench/perplexity/run-perplexity.mjs wrote with --ids, on the same GGUF file.

    python tools/bench/perplexity_llama.py bench/peers/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64 model.gguf ids.json

It calls the library that node-llama-cpp brings (the folder is the first argument), and much sooner than node-llama-cpp, which makes a map of
the whole vocabulary for each token. A window is one batch, as a prompt is; the library's defaults allow 512 tokens.
"""

import ctypes
import json
import math
import sys
from pathlib import Path

import numpy as np

THREADS = 2
WINDOW = 512


class Params(ctypes.Structure):
    """The library's own defaults, which nobody has to take apart: it writes what it reads, and neither is longer than this."""

    _fields_ = [("bytes", ctypes.c_ubyte * 1024)]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


def library(folder: Path) -> ctypes.CDLL:
    backends = ctypes.CDLL(str(next(folder.glob("libggml.*so"))))
    backends.ggml_backend_load_all_from_path(str(folder).encode())
    llama = ctypes.CDLL(str(next(folder.glob("libllama.*so"))))
    pointer, floats = ctypes.c_void_p, ctypes.POINTER(ctypes.c_float)
    for name, result, arguments in [
        ("llama_model_default_params", Params, []),
        ("llama_context_default_params", Params, []),
        ("llama_model_load_from_file", pointer, [ctypes.c_char_p, Params]),
        ("llama_init_from_model", pointer, [pointer, Params]),
        ("llama_model_get_vocab", pointer, [pointer]),
        ("llama_vocab_n_tokens", ctypes.c_int32, [pointer]),
        ("llama_n_batch", ctypes.c_uint32, [pointer]),
        ("llama_n_ctx", ctypes.c_uint32, [pointer]),
        ("llama_set_n_threads", None, [pointer, ctypes.c_int32, ctypes.c_int32]),
        ("llama_get_memory", pointer, [pointer]),
        ("llama_memory_clear", None, [pointer, ctypes.c_bool]),
        ("llama_batch_init", Batch, [ctypes.c_int32, ctypes.c_int32, ctypes.c_int32]),
        ("llama_decode", ctypes.c_int32, [pointer, Batch]),
        ("llama_get_logits_ith", floats, [pointer, ctypes.c_int32]),
    ]:
        function = getattr(llama, name)
        function.restype, function.argtypes = result, arguments
    return llama


def main(folder: Path, file: str, ids: Path) -> None:
    llama = library(folder)
    model = llama.llama_model_load_from_file(file.encode(), llama.llama_model_default_params())
    context = llama.llama_init_from_model(model, llama.llama_context_default_params())
    llama.llama_set_n_threads(context, THREADS, THREADS)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    assert min(llama.llama_n_ctx(context), llama.llama_n_batch(context)) >= WINDOW
    batch = llama.llama_batch_init(WINDOW, 0, 1)
    total = count = 0
    for window in json.loads(ids.read_text(encoding="utf-8")):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        batch.n_tokens = len(window)
        for place, token in enumerate(window):
            batch.token[place], batch.pos[place], batch.n_seq_id[place], batch.logits[place] = token, place, 1, 1
            batch.seq_id[place][0] = 0
        if llama.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        for place, following in enumerate(window[1:]):
            logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, place), (vocabulary,)).astype(np.float64)
            largest = logits.max()
            total += logits[following] - largest - math.log(np.exp(logits - largest).sum())
            count += 1
    print(json.dumps({"tokens": count, "llama.cpp": math.exp(-total / count)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], Path(sys.argv[3]))
