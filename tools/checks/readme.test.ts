import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('runs the code of the README as it stands there', { timeout: 120_000 }, async () => {
  const readme = await readFile(`${root}README.md`, 'utf8')
  const [, code] = /```js\n(.*?)```/s.exec(readme)!
  // Inside the package that depends on all the others, so that their names resolve as a user's would.
  const script = `${root}packages/cli/.readme-example.mjs`
  try {
    await writeFile(script, code!)
    const { stdout } = await promisify(execFile)('node', [script], { cwd: root })
    expect(stdout).toMatch(/^similarity 0\.[6-9]\d\n/)
    expect(stdout).toContain('A blade that is pulled stays straight by itself, so it can be thinner')
  } finally {
    await rm(script, { force: true })
  }
})
