export { dynamicInt8, quantizeDynamically, type DynamicInt8Options } from './dynamic-int8.js'
