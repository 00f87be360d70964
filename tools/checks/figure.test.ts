import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const place = (file: string) => fileURLToPath(new URL(file, import.meta.url))

it('draws the packages as they are', () => {
  const drawn = execFileSync('node', [place('../packages-figure.mjs'), '--print'], { encoding: 'utf8' })
  expect(readFileSync(place('../../docs/packages.svg'), 'utf8'), 'run: node tools/packages-figure.mjs').toBe(drawn)
})
