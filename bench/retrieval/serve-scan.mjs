import { contend } from './contender.mjs'

// What is written in a minute: all cosines, in float32 vectors and JavaScript, and the best of them.
contend(async (vectors, { dimensions }) => {
  const matrix = new Float32Array(vectors.length * dimensions)
  vectors.forEach((vector, row) => matrix.set(vector, row * dimensions))
  return async (query, limit) => {
    const best = []
    for (let row = 0, offset = 0; row < vectors.length; row++, offset += dimensions) {
      let cosine = 0
      for (let index = 0; index < dimensions; index++) cosine += matrix[offset + index] * query[index]
      if (best.length === limit && cosine <= best[limit - 1].cosine) continue
      best.push({ row, cosine })
      best.sort((one, other) => other.cosine - one.cosine)
      best.length = Math.min(best.length, limit)
    }
    return best.map(({ row }) => row)
  }
})
