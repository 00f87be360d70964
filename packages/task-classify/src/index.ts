export { textClassification, type ClassifyInput, type ClassifyOptions, type FunctionToApply, type TextAndPair, type TextClassificationOptions, type TextClassifier } from './text-classification.js'
export { zeroShotClassification, type ZeroShotClassificationOptions, type ZeroShotClassifier, type ZeroShotOptions } from './zero-shot-classification.js'
export type { Classification } from './classification.js'
