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

/** A vocabulary of that many tokens, as long and as merged as those of real models: the bytes as GPT-2 writes them, and merges of two shorter tokens each, which mean nothing. */
export function vocabulary(size) {
  const printable = [...Array(256).keys()].filter((byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
  let next = 256
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable.includes(byte) ? byte : next++))
  const tokens = [...bytes, 'th', '<|end|>']
  const merges = ['t h']
  const made = new Set(tokens)
  let state = 1
  const below = (most) => Math.floor(((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32) * most)
  /** Seven of eight of letters, the rest of any byte. */
  const part = () => (below(8) === 0 ? tokens[below(256)] : tokens.length < 1000 || below(3) === 0 ? String.fromCharCode(97 + below(26)) : tokens[258 + below(Math.min(tokens.length, 4000) - 258)])
  while (tokens.length < size) {
    const [left, right] = [part(), part()]
    if (made.has(left + right)) continue
    made.add(left + right)
    tokens.push(left + right)
    merges.push(`${left} ${right}`)
  }
  return { tokens, merges, end: 257 }
}
