/** A sentencepiece character map that turns 'A' into 'a': a length, a double-array trie of two blocks, and the strings. */
export function characterMap(): string {
  const units = new Uint32Array(512)
  units[0] = 256 << 10 // the root's children stand from 256 on
  units[256 ^ 0x41] = (((256 ^ 0x41) ^ 300) << 10) | (1 << 8) | 0x41 // 'A', which ends a key, and leads to 300
  units[300] = 0x8000_0000 // the value: the string at 0
  return Buffer.concat([Buffer.from(Uint32Array.of(units.byteLength).buffer), Buffer.from(units.buffer), Buffer.from('a\0')]).toString('base64')
}

const token = (id: number, content: string) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })
const special = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } })
const text = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } })
const vocabulary = (...tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))
const common = { version: '1.0', truncation: null, padding: null, added_tokens: [token(0, '[UNK]'), token(1, '[CLS]'), token(2, '[SEP]'), token(3, '[PAD]')] }
const first = ['[UNK]', '[CLS]', '[SEP]', '[PAD]']
const template = {
  type: 'TemplateProcessing',
  single: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0)],
  pair: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0), text('B', 1), special('[SEP]', 1)],
  special_tokens: { '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] }, '[SEP]': { id: '[SEP]', ids: [2], tokens: ['[SEP]'] } },
}

/** Small tokenizers that together use every kind of component but a few aliases. */
export const tokenizers: readonly unknown[] = [
  {
    ...common,
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: vocabulary(...first, 'tenon', '##s', 'hold', ',', '.', 'a', '##t') },
  },
  {
    ...common,
    truncation: { direction: 'Right', max_length: 16, strategy: 'LongestFirst', stride: 0 },
    padding: { strategy: { Fixed: 8 }, direction: 'Left', pad_to_multiple_of: 4, pad_id: 3, pad_type_id: 0, pad_token: '[PAD]' },
    normalizer: { type: 'NFC' },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: "'s|\\p{L}+|\\p{N}{1,3}|\\s+" }, behavior: 'Isolated', invert: false }, { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }] },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: vocabulary(...first, 't', 'e', 'n', 'o', 's', '\u0120', 'te', 'no', 'teno'), merges: [['t', 'e'], ['n', 'o'], ['te', 'no']] },
  },
  {
    ...common,
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Precompiled', precompiled_charsmap: characterMap() }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }, { type: 'Prepend', prepend: '\u2581' }, { type: 'Strip', strip_left: false, strip_right: true }, { type: 'Nmt' }] },
    pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true },
    post_processor: { type: 'RobertaProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1], trim_offsets: true, add_prefix_space: true },
    decoder: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: 0, byte_fallback: false, vocab: [...first.map((piece): [string, number] => [piece, 0]), ['\u2581', -2], ['\u2581ten', -3.5], ['on', -4], ['s', -5], ['a', -2.5]] },
  },
  {
    ...common,
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { String: ' ' }, content: '\u2581' }, { type: 'Lowercase' }, { type: 'StripAccents' }] },
    pre_tokenizer: null,
    post_processor: { type: 'Sequence', processors: [{ type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] }] },
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '\u2581' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    model: { type: 'BPE', dropout: null, unk_token: '[UNK]', continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: true, byte_fallback: true, ignore_merges: true, vocab: vocabulary(...first, '<0x0A>', '<0xC3>', '<0xA9>', 't', 'e', 'te', '\u2581', 's</w>'), merges: ['t e'] },
  },
  {
    ...common,
    normalizer: { type: 'NFKD' },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Punctuation', behavior: 'Isolated' }, { type: 'Digits', individual_digits: true }, { type: 'UnicodeScripts' }, { type: 'CharDelimiterSplit', delimiter: '-' }, { type: 'FixedLength', length: 5 }] },
    post_processor: template,
    decoder: { type: 'CTC', pad_token: '[PAD]', word_delimiter_token: '|', cleanup: true },
    model: { type: 'WordLevel', unk_token: '[UNK]', vocab: vocabulary(...first, 'tenon', 'hold', 'a') },
  },
]
