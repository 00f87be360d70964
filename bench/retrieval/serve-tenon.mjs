import { memoryStore } from '@tenon/task-qa'
import { contend } from './contender.mjs'

contend(async (vectors, { dimensions }) => {
  const collection = await memoryStore().open({ dimensions, sample: async () => vectors[0] })
  const passage = { headings: [], text: '', start: 0, end: 0, sentences: [] }
  await collection.write({ put: [{ key: 'all', source: 'all', revision: '', metadata: {}, passages: vectors.map((vector) => ({ passage, vector, terms: [] })) }] })
  return async (vector, limit) => {
    const found = await collection.search({ vector, terms: [], limit })
    return found.sort((one, other) => other.cosine - one.cosine).map(({ id }) => id)
  }
})
