import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the code in a document prints, run as it stands there. */
async function outputOf(document: string): Promise<string> {
  const [, code] = /```js\n(.*?)```/s.exec(await readFile(`${root}${document}`, 'utf8'))!
  // Inside the package that depends on all the others, so that their names resolve as a user's would.
  const script = `${root}packages/cli/.${document.replaceAll('/', '-')}.mjs`
  try {
    await writeFile(script, code!)
    return (await promisify(execFile)('node', [script], { cwd: root })).stdout
  } finally {
    await rm(script, { force: true })
  }
}

it.each(['README.md', 'README.zh.md'])('runs the code of %s as it stands there', { timeout: 120_000 }, async (readme) => {
  const output = await outputOf(readme)
  expect(output).toMatch(/^\S+ 0\.[6-9]\d\n/)
  expect(output).toContain('A blade that is pulled stays straight by itself, so it can be thinner')
})

it.each([
  ['docs/guides/decoders.md', /^"(oak|ash)" \d+ tokens read\n$/],
  ['docs/guides/files.md', /^bert \d+\n$/],
  ['docs/guides/installing.md', /^works: ONNX Runtime 1\.\d+\.\d+\n$/],
  ['docs/guides/bundling.md', /^bundled 0\n$/],
  ['docs/guides/deployment.md', /^0\.[5-9]\d\n$/],
  ['docs/guides/plugins.md', /^9\n$/],
  ['docs/guides/tasks.md', /^cat, kitten 0\.[6-9]\d cat, saw 0\.[0-4]\d\n$/],
])('runs the first code of %s', { timeout: 120_000 }, async (guide, expected) => {
  expect(await outputOf(guide)).toMatch(expected)
})

/** What a translation must have as many of: lines of code, headings, rows of tables, links. */
function outline(text: string) {
  const code = text.match(/```[a-z]*\n.*?```/gs) ?? []
  const prose = text.replaceAll(/```.*?```/gs, '')
  return { codeLines: code.map((block) => block.split('\n').length), headings: prose.match(/^#+ /gm)?.length, rows: prose.match(/^\|/gm)?.length, links: prose.match(/\]\([^)]*\)/g)?.map((link) => link.replace('README.zh.md', 'README.md')).toSorted() }
}

it('says in Chinese what the README says in English', async () => {
  const [english, chinese] = await Promise.all(['README.md', 'README.zh.md'].map(async (file) => outline(await readFile(`${root}${file}`, 'utf8'))))
  expect({ ...chinese, links: undefined }).toEqual({ ...english, links: undefined })
  expect(new Set(chinese!.links)).toEqual(new Set(english!.links))
})
