import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Node } from 'web-tree-sitter'
import { grammarOf } from './grammar.js'
import { type CodeLanguage, languageOf } from './language.js'
import { createStructure } from './structure.js'
import { samples } from './test-samples.js'

/** mulberry32: the same numbers each time. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function parsed<T>(language: CodeLanguage, text: string, look: (root: Node) => T): Promise<T> {
  const { parser } = await grammarOf(language)
  const tree = parser.parse(text)!
  try {
    return look(tree.rootNode)
  } finally {
    tree.delete()
  }
}

/** Feeds `text` in pieces until it is known where it ends. */
function grown(until: (text: string) => number | undefined, text: string, next: () => number): number | undefined {
  for (let length = 0; length < text.length; ) {
    length += 1 + Math.floor(next() * 6)
    const end = until(text.slice(0, length))
    if (end !== undefined) return end
  }
  return undefined
}

const folder = fileURLToPath(new URL('.', import.meta.url))
const own = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('test'))
  .map((name): readonly [CodeLanguage, string] => ['typescript', readFileSync(`${folder}${name}`, 'utf8')])
const files: readonly (readonly [CodeLanguage, string])[] = [...samples, ...own.filter(([, text]) => text.length > 1_000)]
/** TENON_SOAK=1 cuts each in more places. */
const cutsPerFile = process.env['TENON_SOAK'] === '1' ? 40 : 4

describe('a real file, cut anywhere and continued with its own text', () => {
  it.each(files.map(([language, text], index) => ({ language, text, index })))('is whole again where the completion ends: $language $index', async ({ language, text, index }) => {
    expect(await parsed(language, text, (root) => root.hasError)).toBe(false)
    const next = random(index)
    let ended = 0
    for (let cut = 0; cut < cutsPerFile; cut++) {
      const at = Math.floor(next() * text.length * 0.95)
      const prefix = text.slice(0, at)
      const rest = text.slice(at, at + 4_000)
      using open = await createStructure({ prefix, language })
      const end = grown(open.until, rest, next)
      if (end === undefined) continue
      ended++
      // At the end of a node of the file itself.
      const atEnd = await parsed(language, text, (root) => root.descendantForIndex(at + end - 1, at + end)!.endIndex)
      expect({ before: prefix.slice(-60), completion: rest.slice(0, end), end: end === 0 ? at : atEnd }).toMatchObject({ end: at + end })
      // With that taken out, and the rest of the file behind the cursor, the model's text makes the file whole however far it runs on.
      const suffix = text.slice(at + end)
      using between = await createStructure({ prefix, suffix, language })
      const inserted = between.finish(rest.slice(0, grown(between.until, rest, next)))
      expect({ before: prefix.slice(-60), inserted, after: suffix.slice(0, 60), broken: await parsed(language, prefix + inserted + suffix, (root) => root.hasError) }).toMatchObject({ broken: false })
      expect(between.score(inserted)).toBeLessThanOrEqual(0)
    }
    expect(ended).toBeGreaterThanOrEqual(cutsPerFile / 2)
  })
})

describe('a structure', () => {
  const prefix = 'function f() {\n  const a = '

  it('tells when several completions grow side by side', async () => {
    using structure = await createStructure({ prefix, suffix: '\n}\n', language: 'javascript' })
    const texts = ['g(1, 2);\n', 'g([3]);\n  b()\n', 'h;\n']
    const ends = texts.map((): number | undefined => undefined)
    for (let length = 1; length < 20; length++) for (const [index, text] of texts.entries()) ends[index] ??= structure.until(text.slice(0, length))
    expect(ends).toEqual([8, 7, 2])
  })

  it('counts the errors a completion brings, and those it takes away', async () => {
    using structure = await createStructure({ prefix, suffix: '\n}\n', language: 'javascript' })
    expect(structure.score('1')).toBeLessThan(0)
    expect(structure.score('1')).toBeLessThan(structure.score('1 +* ) ]'))
    using whole = await createStructure({ prefix: 'a()\n', suffix: '\nb()\n', language: 'javascript' })
    expect(whole.score('c()')).toBe(0)
    expect(whole.score('c(')).toBe(0)
    expect(whole.score('c(]; if')).toBeGreaterThan(0)
    using plain = await createStructure({ prefix: 'a()\n', suffix: '\nb()\n' })
    expect(plain.score('c()')).toBe(0)
    expect(plain.score('c(')).toBe(1)
    expect(plain.score('c))')).toBe(2)
  })

  it('goes by brackets and line ends where the grammar is left out', async () => {
    using structure = await createStructure({ prefix, suffix: '\n}\n', language: 'javascript', grammar: false })
    expect(structure.finish('list\n    .map((b) => b + "}")\n  foo()\n')).toBe('list\n    .map((b) => b + "}")')
    expect(structure.finish('g({ b: [1')).toBe('g({ b: [1]})')
  })

  it('closes no bracket before a semicolon that may belong there', async () => {
    const cases = [
      ['javascript', 'for (let i = 0; i < a.length', 'for (let i = 0; i < a.length)'],
      ['cpp', 'if (int b = c(); b', 'if (int b = c(); b)'],
      ['rust', 'let b = [0; 3', 'let b = [0; 3]'],
      ['c', 'ODD(int b; int c);', 'ODD(int b; int c);'],
    ] as const
    for (const [language, written, inserted] of cases) {
      using structure = await createStructure({ prefix: '', language })
      expect(structure.finish(written)).toBe(inserted)
    }
    // These brackets stand around the cursor.
    using within = await createStructure({ prefix: 'f(', suffix: ')\n', language: 'javascript' })
    expect(within.finish('a; b')).toBe('a; b')
  })

  it('refuses what it cannot read', async () => {
    await expect(createStructure({ prefix: 1 as never })).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    await expect(createStructure({ prefix: '', language: 'cobol' as never })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringContaining('python') })
    await expect(createStructure({ prefix: '', scope: 'word' as never })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringContaining('statement') })
    await expect(createStructure({ prefix: '', sufix: '' } as never)).rejects.toMatchObject({ message: expect.stringContaining("'suffix'") })
  })

  it('knows a language by the name of its files', () => {
    expect(['a.js', 'b/c.TSX', 'd.pyi', 'e.rs', 'f.h', 'g.go', 'H.java', 'i.c', 'j.mts', 'k.jsx'].map(languageOf)).toEqual(['javascript', 'tsx', 'python', 'rust', 'cpp', 'go', 'java', 'c', 'typescript', 'javascript'])
    expect(['Makefile', 'a.txt', '.ts/b', 'constructor', 'a.constructor', ''].map(languageOf)).toEqual([undefined, undefined, undefined, undefined, undefined, undefined])
  })
})

describe('noise', () => {
  const next = random(5)
  const bytes = Array.from({ length: 20_000 }, () => String.fromCharCode(Math.floor(next() * 256))).join('')
  const noise: Readonly<Record<string, string>> = {
    'one line of 100 kB': 'a(b, [c], "d") + '.repeat(6_000),
    '10,000 nested brackets': '(['.repeat(5_000),
    '10,000 nested braces': '{'.repeat(10_000),
    '10,000 closing brackets': ')}'.repeat(5_000),
    'bytes of no text': bytes,
    'halves of characters': '\ud83d \udc4d\ud83d'.repeat(3_000),
    'quotes of all kinds': '"\'`"""\'\'\'${/*//<a>#r#"R"x('.repeat(500),
    'only line ends': '\r\n\r\n\n\r'.repeat(3_000),
  }

  it.each(Object.keys(noise).flatMap((name) => (['tsx', 'python', 'rust', 'cpp', undefined] as const).map((language) => ({ name, language }))))('is read in bounded time: $name in $language', async ({ name, language }) => {
    const text = noise[name]!
    for (const [prefix, suffix, completion] of [[text, '', '\n  foo(1)\n'], ['x = ', text, 'foo(1)\n'], ['x = ', '\n', text]] as const) {
      const started = process.cpuUsage()
      using structure = await createStructure({ prefix, suffix, language })
      const piece = Math.ceil(completion.length / 50)
      for (let length = piece; length <= completion.length; length += piece) {
        const end = structure.until(completion.slice(0, length))
        if (end === undefined) continue
        expect(end).toBeLessThanOrEqual(completion.length)
        break
      }
      expect(typeof structure.finish(completion)).toBe('string')
      expect(Number.isFinite(structure.score(completion))).toBe(true)
      // Far above what it takes, far below what anything quadratic would. Time of this process: the machine may be busy.
      expect(process.cpuUsage(started).user / 1000).toBeLessThan(5_000)
    }
  })

  it('costs well under 2 ms a token in a file of 2,000 lines', async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => (i % 10 === 0 ? `export function f${i}(a: number): number {` : i % 10 === 9 ? '}' : `  const x${i} = g(a + ${i}, { b, c: [1, \`t\${a}\`] })`))
    const prefix = `${lines.slice(0, 1_505).join('\n')}\n  `
    const completion = 'const y = items.map((item) => {\n    const z = item.a\n    if (z) {\n      return 1\n    }\n    return g(z)\n  })\n  const q = 1\n'
    // Of five runs, the least for each token: the machine may be busy.
    const times = Array.from(completion, () => Infinity)
    for (let run = 0; run < 5; run++) {
      using structure = await createStructure({ prefix, suffix: `\n${lines.slice(1_505).join('\n')}`, language: 'typescript', scope: 'statement' })
      for (let length = 1; length <= completion.length; length++) {
        const started = performance.now()
        structure.until(completion.slice(0, length))
        times[length - 1] = Math.min(times[length - 1]!, performance.now() - started)
      }
      expect(structure.until(completion)).toBe(completion.indexOf('\n  const q'))
    }
    times.sort((a, b) => a - b)
    expect(times[Math.floor(times.length * 0.95)]).toBeLessThan(2)
  })
})
