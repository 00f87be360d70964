export type { AggregationStrategy, Classified, ClassifiedToken, ClassifyTokensOptions, EntityGroup, TokenClassifier } from './contracts.js'
export { tokenClassification, type TokenClassificationOptions } from './token-classification.js'
