export { embedding, type EmbeddingOptions } from './embedding.js'
