export { rerank, type RankedDocument, type Reranker, type RerankerOptions, type RerankOptions } from './rerank.js'
export type { Activation } from './cross-encoder.js'
