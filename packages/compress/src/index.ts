export { dynamicInt8, quantizeDynamically, type DynamicInt8Options } from './dynamic-int8.js'
export type { WeightFormat, WeightOnlyOptions } from './weight-only/options.js'
export { quantizeWeights, weightOnly } from './weight-only/weight-only.js'
