import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { figure } from '../packages-figure.mjs'

it('draws the packages as they are', async () => {
  const drawn = await readFile(new URL('../../docs/packages.svg', import.meta.url), 'utf8')
  expect(drawn, 'run: node tools/packages-figure.mjs').toBe(figure())
})
