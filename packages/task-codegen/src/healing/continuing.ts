import type { LogitsProcessor, Vocabulary } from '@tenon/generation'
import { beginnings } from './beginnings.js'

/** Lets a generation begin with nothing but this text: whatever tokens it is cut into, and whatever the last of them goes on with. */
export function continuing(text: string, vocabulary: Vocabulary): LogitsProcessor {
  const bytes = Buffer.from(text)
  return (logits, { tokens, promptLength }) => {
    let done = 0
    for (let index = promptLength; index < tokens.length && done < bytes.length; index++) done += vocabulary.bytes(tokens[index]!).length
    if (done >= bytes.length) return
    const allowed = beginnings(bytes.subarray(done), vocabulary).filter((id) => id < logits.length)
    if (allowed.length === 0) return
    const kept = allowed.map((id) => logits[id]!)
    logits.fill(-Infinity)
    for (const [index, id] of allowed.entries()) logits[id] = kept[index]!
  }
}
