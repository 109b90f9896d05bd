"""Makes a model for llama.cpp's server, in the peers' environment: `python make_model.py FILE ends|endless`.

No model can be downloaded where tests run, and a random one answers differently each time. This one is a chain that writes one
fixed text: each token has its own random vector, and the output layer holds for each the vector of the one before.
The prompt is read like any other and does not change the answer. `endless` continues with the first token after the
last, until its context is full; its layers are wider and therefore slower, so that a test has time to intervene.
"""

import sys
from typing import Any

import gguf
import numpy as np

WIDTH = 256  # also the dimensions of its embeddings
LAYERS, HEADS, CONTEXT = 2, 4, 16384
INNER = {"ends": 64, "endless": 4096}
UNKNOWN, BEGIN, END = 0, 1, 2
ALWAYS = 4.0  # the first feature is the same for every token: it acts as a bias of the output layer
# Odds of the next token of the text, of its first one after any other token, and of everything else. Places of different tokens
# are not quite at right angles: that moves the odds by some 15.
NEXT, FIRST, NEVER = 80.0, 40.0, -100.0

Kind = gguf.TokenType


def text() -> list[str]:
    """The answer, a short report in Markdown: no two pieces are the same, as tokens must not be."""
    pieces = ["#▁Tides,▁wave▁by▁wave\n\n"]
    for hour in range(1, 13):
        waves = [f"Wave▁{hour}.{wave}▁comes▁in.▁" for wave in range(16)]
        pieces += [f"##▁Hour▁{hour}\n\n", *waves, f"\n\nSo▁much▁for▁{hour}.\n\n"]
    return pieces


def tokens() -> list[tuple[str, gguf.TokenType]]:
    """The vocabulary: three marks, a token for each byte, so that every prompt can be read, and the pieces of the text."""
    marks = [("<unk>", Kind.UNKNOWN), ("<s>", Kind.CONTROL), ("</s>", Kind.CONTROL)]
    return [*marks, *((f"<0x{byte:02X}>", Kind.BYTE) for byte in range(256)), *((one, Kind.NORMAL) for one in text())]


def chain(places: "np.ndarray[Any, Any]", first: int, ends: bool) -> "np.ndarray[Any, Any]":
    """The output layer: which token follows which."""
    sizes = np.sqrt(np.mean(places**2, axis=1))
    output = np.zeros_like(places)
    output[:, 0] = NEVER * sizes.mean() / ALWAYS
    output[first:, 0] = 0
    output[first, 0] = FIRST * sizes.mean() / ALWAYS
    followers = [*range(first + 1, len(places)), END if ends else first]
    for token, follower in zip(range(first, len(places)), followers, strict=True):
        direction = places[token, 1:]
        output[follower, 1:] += NEXT * sizes[token] * direction / np.sum(direction**2)
        if follower == END:
            output[END, 0] = 0
    return output


def main() -> None:
    """Write the file."""
    path, kind = sys.argv[1:]
    random = np.random.default_rng(7)

    def some(*shape: int, size: float = 0.02) -> "np.ndarray[Any, Any]":
        return (random.standard_normal(shape) * size).astype(np.float32)

    vocabulary = tokens()
    first, inner = len(vocabulary) - len(text()), INNER[kind]
    places = some(len(vocabulary), WIDTH, size=0.5)
    places[:, 0] = ALWAYS
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(inner)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(vocabulary))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("llama")
    out.add_token_list([one.encode() for one, _ in vocabulary])
    out.add_token_scores([-float(index) for index in range(len(vocabulary))])
    out.add_token_types([int(one) for _, one in vocabulary])
    out.add_bos_token_id(BEGIN)
    out.add_eos_token_id(END)
    out.add_unk_token_id(UNKNOWN)
    out.add_add_bos_token(True)
    out.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")
    out.add_tensor("token_embd.weight", places)
    out.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    out.add_tensor("output.weight", chain(places, first, ends=kind == "ends").astype(np.float32))
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            out.add_tensor(f"blk.{layer}.{name}.weight", some(WIDTH, WIDTH))
        for name, shape in {"ffn_gate": (inner, WIDTH), "ffn_up": (inner, WIDTH), "ffn_down": (WIDTH, inner)}.items():
            out.add_tensor(f"blk.{layer}.{name}.weight", some(*shape, size=0.02 if kind == "ends" else 0.002))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()
