import { UnsupportedOpError } from '@tenon/core'
import { standardOps } from '@tenon/graph/ops'
import { foldConstants, lower } from '@tenon/graph/passes'
import { expect, it } from 'vitest'
import { bert } from './bert.js'
import { fixturesOf, folderOf, open } from './test-support.js'

/** What docs/guides/plugins.md tells whoever writes a backend. */
const needed = ['Add', 'Cast', 'Concat', 'Erf', 'Exp', 'Gather', 'MatMul', 'Mul', 'Pow', 'ReduceMax', 'ReduceSum', 'Reshape', 'Shape', 'Slice', 'Squeeze', 'Transpose', 'Unsqueeze']

const opsOf = (graph: { readonly nodes: readonly { readonly op: string }[] }) => [...new Set(graph.nodes.map(({ op }) => op))].toSorted()

it('needs seventeen operators for a BERT encoder, and every one of them', async () => {
  const { model } = await bert().build(await open(await folderOf(fixturesOf('bert')('base'))), { head: 'base' })
  const having = (ops: readonly string[]) => foldConstants().apply(lower({ name: 'small', supports: ({ op }) => ops.includes(op) }).apply(model!))
  expect(opsOf(having(needed))).toEqual(needed)
  expect(needed.filter((op) => standardOps.get(op)?.decompose !== undefined)).toEqual([])
  for (const op of needed) expect(() => having(needed.filter((each) => each !== op))).toThrow(UnsupportedOpError)
})
