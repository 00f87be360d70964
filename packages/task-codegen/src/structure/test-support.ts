import { describe, expect, it } from 'vitest'
import { createStructure, type StructureOptions } from './structure.js'

/** What is promised, the file with the cursor at ‸, what the model would write on and on, and what of it is inserted. */
export type Case = readonly [behaviour: string, file: string, output: string, inserted: string, options?: Pick<StructureOptions, 'scope' | 'grammar'>]

/** Cuts as the decode loop does: after every few characters. */
async function complete({ pieces = 3, ...options }: StructureOptions & { pieces?: number }, output: string): Promise<{ inserted: string; at: number | undefined; read: number }> {
  using structure = await createStructure(options)
  for (let length = pieces; ; length += pieces) {
    const text = output.slice(0, length)
    const at = structure.until(text)
    if (at !== undefined || length >= output.length) return { inserted: structure.finish(at === undefined ? text : text.slice(0, at)), at, read: text.length }
  }
}

export function testCases(language: StructureOptions['language'], cases: readonly Case[]): void {
  describe(`completions in ${language ?? 'any other language'}`, () => {
    it.each(cases.map(([behaviour, ...rest]) => ({ behaviour, rest })))('$behaviour', async ({ rest: [file, output, inserted, options] }) => {
      const [prefix, suffix] = file.split('‸') as [string, string]
      for (const pieces of [1, 3, 1_000]) expect((await complete({ prefix, suffix, language, pieces, ...options }, output)).inserted).toBe(inserted)
      // Whoever did not watch it grow gets the same, and finishing twice changes nothing.
      using structure = await createStructure({ prefix, suffix, language, ...options })
      expect(structure.finish(output)).toBe(inserted)
      expect(structure.finish(inserted)).toBe(inserted)
      expect(inserted === '' ? 0 : structure.score(inserted)).toBeLessThanOrEqual(0)
    })
  })
}
