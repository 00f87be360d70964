import { createRequire } from 'node:module'
import { contend } from './contender.mjs'

const { create, insertMultiple, searchVector } = createRequire(new URL('../peers/package.json', import.meta.url))('@orama/orama')

contend(async (vectors, { dimensions, similarity }) => {
  const database = create({ schema: { vector: `vector[${dimensions}]` } })
  await insertMultiple(database, vectors.map((vector, row) => ({ id: String(row), vector: Array.from(vector) })), 5_000)
  return async (query, limit) => {
    const { hits } = await searchVector(database, { mode: 'vector', vector: { value: Array.from(query), property: 'vector' }, similarity, limit })
    return hits.map(({ id }) => Number(id))
  }
})
