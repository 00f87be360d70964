import { InvalidFileError } from '@tenon/core'
import { isRecord } from './json.js'
import { specialTokens } from './special-tokens.js'

/** Tokenizer classes whose whole behaviour is vocab.txt and these settings. */
const classes = ['BertTokenizer', 'DistilBertTokenizer', 'ElectraTokenizer', 'MobileBertTokenizer']

/** Longest word, in characters, that WordPiece splits; a longer one is unknown (BERT's `max_input_chars_per_word`). */
const longestWord = 100

/**
 * The tokenizer.json of a BERT repository that holds only vocab.txt, one token to a line, its id the line's number.
 * Reads do_lower_case (default true), strip_accents (default: as do_lower_case) and tokenize_chinese_chars (default
 * true) from tokenizer_config.json, as transformers' BertTokenizer does.
 * @throws InvalidFileError when the special tokens are not in the vocabulary, or the config names another tokenizer.
 */
export function tokenizerFromVocabulary(
  path: string,
  vocabularyText: string,
  config: unknown,
  specialTokensMap: unknown,
): string {
  const settings = isRecord(config) ? config : {}
  const named = settings.tokenizer_class
  if (typeof named === 'string' && !classes.includes(named.replace(/Fast$/, '')))
    throw new InvalidFileError({
      path,
      problem: `belongs to a ${named}, which vocab.txt alone does not describe`,
      remedy: 'Add the tokenizer.json, which save_pretrained of transformers writes',
    })

  const vocabulary = Object.create(null) as Record<string, number> // a token may be '__proto__'
  const lines = vocabularyText.split(/\r\n|\n|\r/)
  if (lines.at(-1) === '') lines.pop()
  for (const [id, token] of lines.entries()) vocabulary[token] = id // the last of two alike counts, as in transformers

  const special = {
    unk: '[UNK]',
    sep: '[SEP]',
    pad: '[PAD]',
    cls: '[CLS]',
    mask: '[MASK]',
    ...specialTokens(config, specialTokensMap),
  }
  const idOf = (token: string) => {
    const id = vocabulary[token]
    if (id === undefined)
      throw new InvalidFileError({
        path,
        problem: `lacks the special token '${token}'`,
        remedy: 'Use the vocab.txt that belongs to this tokenizer_config.json',
      })
    return id
  }
  const known = [...new Set([special.pad, special.unk, special.cls, special.sep, special.mask])].filter(
    (token) => token in vocabulary,
  )
  const piece = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } })
  const text = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } })
  const inTemplate = (token: string) => ({ id: token, ids: [idOf(token)], tokens: [token] })
  idOf(special.unk)

  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: known
      .map((content) => ({
        id: idOf(content),
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }))
      .sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.tokenize_chinese_chars !== false,
      strip_accents: typeof settings.strip_accents === 'boolean' ? settings.strip_accents : null,
      lowercase: settings.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [piece(special.cls, 0), text('A', 0), piece(special.sep, 0)],
      pair: [piece(special.cls, 0), text('A', 0), piece(special.sep, 0), text('B', 1), piece(special.sep, 1)],
      special_tokens: { [special.cls]: inTemplate(special.cls), [special.sep]: inTemplate(special.sep) },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: longestWord,
      vocab: vocabulary,
    },
  })
}
