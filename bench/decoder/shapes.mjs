/** The architectures measured, by the configs of their checkpoints; weights are random, and no two alike. */
export const shapes = {
  'Qwen2.5-0.5B': {
    model_type: 'qwen2',
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    vocab_size: 151_936,
    max_position_embeddings: 32_768,
    tie_word_embeddings: true,
    hidden_act: 'silu',
    biases: true,
  },
  'SmolLM2-135M': {
    model_type: 'llama',
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    rms_norm_eps: 1e-5,
    rope_theta: 100_000,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
    tie_word_embeddings: true,
    hidden_act: 'silu',
    biases: false,
  },
}

/** The matrices of a layer: their paths in a checkpoint, their names in GGUF, and their shapes. */
export function matrices({ hidden_size: hidden, intermediate_size: wide, num_attention_heads: heads, num_key_value_heads: kvHeads, biases }) {
  const size = hidden / heads
  return [
    { path: 'self_attn.q_proj', gguf: 'attn_q', shape: [heads * size, hidden], bias: biases },
    { path: 'self_attn.k_proj', gguf: 'attn_k', shape: [kvHeads * size, hidden], bias: biases },
    { path: 'self_attn.v_proj', gguf: 'attn_v', shape: [kvHeads * size, hidden], bias: biases },
    { path: 'self_attn.o_proj', gguf: 'attn_output', shape: [hidden, heads * size], bias: false },
    { path: 'mlp.gate_proj', gguf: 'ffn_gate', shape: [wide, hidden], bias: false },
    { path: 'mlp.up_proj', gguf: 'ffn_up', shape: [wide, hidden], bias: false },
    { path: 'mlp.down_proj', gguf: 'ffn_down', shape: [hidden, wide], bias: false },
  ]
}

/** A vocabulary of that many tokens: the bytes as GPT-2 writes them, one merge, and words that nobody writes. */
export function vocabulary(size) {
  const printable = [...Array(256).keys()].filter((byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
  let next = 256
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable.includes(byte) ? byte : next++))
  const tokens = [...bytes, 'th', '<|end|>']
  for (let index = tokens.length; index < size; index++) tokens.push(`w${index}`)
  return { tokens, merges: ['t h'], end: 257 }
}
