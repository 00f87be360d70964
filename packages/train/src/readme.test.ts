import { readFile } from 'node:fs/promises'
import * as backendOnnx from '@tenon/backend-onnx'
import * as core from '@tenon/core'
import * as graph from '@tenon/graph'
import * as ops from '@tenon/graph/ops'
import * as passes from '@tenon/graph/passes'
import { expect, it } from 'vitest'
import * as train from './index.js'

const modules: Readonly<Record<string, object>> = { '@tenon/backend-onnx': backendOnnx, '@tenon/core': core, '@tenon/graph': graph, '@tenon/graph/ops': ops, '@tenon/graph/passes': passes, '@tenon/train': train }

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (...names: string[]) => (...values: unknown[]) => Promise<void>

it('learns in the example of the README', async () => {
  const [, code] = /```js\n(.*?)```/s.exec(await readFile(new URL('../README.md', import.meta.url), 'utf8'))!
  const scope: Record<string, unknown> = {}
  const body = code!.replaceAll(/^import \{ (.*) \} from '(.*)'$/gm, (_, names: string, specifier: string) => {
    for (const name of names.split(', ')) scope[name] = (modules[specifier] as Record<string, unknown>)[name]
    return ''
  })
  const lines: unknown[][] = []
  await new AsyncFunction('console', ...Object.keys(scope), body)({ log: (...line: unknown[]) => lines.push(line) }, ...Object.values(scope))
  expect(lines.map(([count]) => count)).toEqual([50, 100])
  expect(Number(lines[1]![1])).toBeLessThan(0.05)
})
