import { InvalidInputError, kindOf } from '@tenon/core'

/**
 * That these are texts, before anything is computed: a wrong one at the end should not cost what is before it.
 * @throws InvalidInputError
 */
export function checkTexts(texts: unknown): asserts texts is readonly string[] {
  if (!Array.isArray(texts)) throw new InvalidInputError({ what: 'the texts', problem: `are ${kindOf(texts)}`, remedy: 'pass a string, or an array of them' })
  const wrong = texts.findIndex((text) => typeof text !== 'string')
  if (wrong >= 0) throw new InvalidInputError({ what: `text ${wrong}`, problem: `is ${kindOf(texts[wrong])}`, remedy: 'pass strings' })
}
