export { embedding, type EmbeddingOptions } from './embedding.js'
export { sentenceSimilarity, type SentenceSimilarity } from './sentence-similarity.js'
