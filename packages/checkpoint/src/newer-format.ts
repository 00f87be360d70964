import { parts } from './check-tokenizer-file.js'
import { isRecord } from './json.js'

/** The one version that tokenizers writes and reads. */
const version = '1.0'

/** What tokenizers 0.23 has of each kind of component, where the file keeps it, and where it keeps those inside it. */
const components = [
  { kind: 'model', key: 'model', nested: '', known: ['BPE', 'Unigram', 'WordLevel', 'WordPiece'] },
  { kind: 'normalizer', key: 'normalizer', nested: 'normalizers', known: ['BertNormalizer', 'ByteLevel', 'Lowercase', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Nmt', 'Precompiled', 'Prepend', 'Replace', 'Sequence', 'Strip', 'StripAccents'] },
  { kind: 'pre-tokenizer', key: 'pre_tokenizer', nested: 'pretokenizers', known: ['BertPreTokenizer', 'ByteLevel', 'CharDelimiterSplit', 'Digits', 'FixedLength', 'Metaspace', 'Punctuation', 'Sequence', 'Split', 'UnicodeScripts', 'Whitespace', 'WhitespaceSplit'] },
  { kind: 'post-processor', key: 'post_processor', nested: 'processors', known: ['BertProcessing', 'ByteLevel', 'RobertaProcessing', 'Sequence', 'TemplateProcessing'] },
  { kind: 'decoder', key: 'decoder', nested: 'decoders', known: ['BPEDecoder', 'ByteFallback', 'ByteLevel', 'CTC', 'Fuse', 'Metaspace', 'Replace', 'Sequence', 'Strip', 'WordPiece'] },
]

/**
 * What a tokenizer.json has that tokenizers 0.23 does not know, in words, where its own message names no part. Asked only
 * once the library has refused a file: another build of it may know more.
 */
export function newerFormat(json: unknown): string | undefined {
  if (!isRecord(json)) return undefined
  if (json.version !== undefined && json.version !== version) return `it has the version ${JSON.stringify(json.version)}, and ${version} is read`
  for (const { kind, key, nested, known } of components) {
    const unknown = parts(json[key], nested).find(({ type }) => typeof type === 'string' && !known.includes(type))
    if (unknown !== undefined) return `it has a ${kind} of the type '${String(unknown.type)}'; known are ${known.join(', ')}`
  }
  return undefined
}
