import { AbortedError, DisposedError, EmbedderMismatchError, throwIfAborted, type Candidate, type Collection, type EmbedderIdentity, type Store } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { failures, record } from '../test-recorder.js'
import { StoreReference } from './reference.js'
import { testStore } from './suite.js'

type Mistake =
  | 'answers after it is closed'
  | 'counts what it replaced as removed'
  | 'forgets all when it is closed'
  | 'gives equals in another order'
  | 'gives passages the ids of others'
  | 'ignores filters'
  | 'ignores signals'
  | 'keeps half of what was aborted'
  | 'says nothing of progress'
  | 'takes any embedder'

/** A store that is its own reference, unless told otherwise. */
function toyStore(mistake?: Mistake): Store {
  const has = (wanted: Mistake) => mistake === wanted
  let reference = new StoreReference()
  let sample: Float32Array | undefined

  async function open(embedder: EmbedderIdentity): Promise<Collection> {
    const asked = await embedder.sample()
    sample ??= asked
    const away = asked.length === sample.length ? 1 - asked.reduce((sum, value, index) => sum + value * sample![index]!, 0) : 1
    if (away > 0.01 && !has('takes any embedder')) throw new EmbedderMismatchError({ store: 'toy', problem: 'its sample is another' })
    let closed = false
    const alive = () => {
      if (closed && !has('answers after it is closed')) throw new DisposedError({ what: 'store' })
    }
    return {
      get size() {
        return reference.size
      },
      async documents() {
        alive()
        return reference.documents()
      },
      async write(change, { signal, onProgress } = {}) {
        alive()
        if (!has('ignores signals')) throwIfAborted(signal)
        const total = (change.put ?? []).reduce((sum, { passages }) => sum + passages.length, 0)
        for (let done = 1; done <= total; done++) {
          if (!has('says nothing of progress')) onProgress?.(done, total)
          if (signal?.aborted && has('keeps half of what was aborted')) reference.write({ put: change.put!.slice(0, 1) })
          if (signal?.aborted && !has('ignores signals')) throw new AbortedError(signal.reason)
        }
        const { replaced, removed } = reference.write(change)
        return has('counts what it replaced as removed') ? { replaced: 0, removed: replaced + removed } : { replaced, removed }
      },
      async search(query, { signal } = {}) {
        alive()
        if (!has('ignores signals')) throwIfAborted(signal)
        const found = reference.search(has('ignores filters') ? { ...query, filter: {} } : query)
        if (has('gives equals in another order')) return found.toReversed()
        return has('gives passages the ids of others') ? found.map((candidate, id): Candidate => ({ ...candidate, id })) : found
      },
      async frequencies(terms) {
        alive()
        return terms.map((term) => reference.frequency(term))
      },
      async close() {
        closed = true
        if (has('forgets all when it is closed')) reference = new StoreReference()
      },
    }
  }

  return { kind: 'store', version: 'v1', name: 'toy', open }
}

const run = (mistake?: Mistake) => record((framework) => testStore(framework, { create: () => toyStore(mistake), lasting: true }))

describe('a store that keeps its contract', () => {
  it('passes', async () => {
    const recorded = await run()
    expect(recorded.filter(({ outcome }) => outcome !== 'passed')).toEqual([])
    expect(recorded.length).toBeGreaterThan(10)
  })

  it('is not asked to outlive its process unless it says that it does', async () => {
    const recorded = await record((framework) => testStore(framework, { create: () => toyStore('forgets all when it is closed') }))
    expect(failures(recorded)).toEqual([])
  })
})

describe('a store that breaks its contract', () => {
  it.each<[Mistake, string]>([
    ['answers after it is closed', 'refuses to be used once closed, and may be closed twice'],
    ['counts what it replaced as removed', 'replaces documents of the same key, describes and removes them, and counts'],
    ['forgets all when it is closed', 'holds what it held when it is opened again, ids included'],
    ['gives equals in another order', 'finds the best by each score, and of equals those that came first'],
    ['gives passages the ids of others', 'keeps the id of a passage while others come and go, and gives it to no other'],
    ['ignores filters', 'filters by equality, by lists and by ranges, and never takes one type for another'],
    ['ignores signals', 'changes nothing when a write is aborted, before it or within'],
    ['keeps half of what was aborted', 'changes nothing when a write is aborted, before it or within'],
    ['says nothing of progress', 'says how far a write is, up to all of its passages'],
    ['takes any embedder', 'refuses another embedding model, and bears the noise of the same one'],
  ])('is told where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toContain(failed)
  })
})
