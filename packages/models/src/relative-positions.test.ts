import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { relativePositions } from './relative-positions.js'

/** What `transformers` makes of the distances from -distance to distance. */
const references = JSON.parse(readFileSync(new URL('../fixtures/relative-positions.json', import.meta.url), 'utf8')) as readonly { readonly span: number; readonly furthest: number; readonly distance: number; readonly rows: readonly number[] }[]

describe('the rows of relative positions', () => {
  it.each(references)('are those of transformers, $span buckets for distances up to $furthest and beyond', ({ span, furthest, distance, rows }) => {
    const own = relativePositions({ span, furthest, bucketed: true })
    const limit = (own.length - 1) / 2
    expect(rows.map((_, index) => own[Math.min(Math.max(index - distance, -limit), limit) + limit])).toEqual(rows)
  })

  it('are one for each distance without buckets, from -span to span - 1', () => {
    expect(relativePositions({ span: 2, furthest: 2, bucketed: false })).toEqual([0, 1, 2, 3, 3])
  })

  it('change no more at the ends of what is returned, which are the outer ones', () => {
    for (const { span, furthest } of references.filter(({ span: each }) => each > 3)) {
      const own = relativePositions({ span, furthest, bucketed: true })
      expect([own[0]!, own.at(-1)!].toSorted((a, b) => a - b)).toEqual([0, 2 * span - 1])
    }
  })
})
