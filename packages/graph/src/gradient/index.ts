export { gradient } from './gradient.js'
export { gradients } from './gradients.js'
export { parameters, type Which } from './parameters.js'
