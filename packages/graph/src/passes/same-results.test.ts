import type { HostTensor } from '@tenon/core'
import { assert, asyncProperty } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { graphOf, script } from '../test-random-graphs.js'
import { noise, run } from '../test-support.js'
import { verify } from '../verify.js'
import { foldConstants, removeDeadCode, shareCommonSubexpressions } from './index.js'

const feeds: Readonly<Record<string, HostTensor>> = { x: noise([3, 4], 11) }

describe.each([
  ['sharing', [shareCommonSubexpressions()]],
  ['removing', [removeDeadCode()]],
  ['all of them', [shareCommonSubexpressions(), foldConstants(), shareCommonSubexpressions(), removeDeadCode()]],
])('random graphs, after %s', (_, passes) => {
  it('give the same results, and the same graph when passed again', async () => {
    await assert(
      asyncProperty(script, async (each) => {
        const graph = verify(graphOf(each))
        const passed = passes.reduce((current, pass) => verify(pass.apply(current)), graph)
        expect(passed.nodes.length).toBeLessThanOrEqual(graph.nodes.length)
        for (const pass of passes) expect(pass.apply(passed)).toBe(passed)
        expect(await run(passed, feeds)).toEqual(await run(graph, feeds))
      }),
      { numRuns: 60 },
    )
  })
})
