export { gradient } from './gradient.js'
export { gradients } from './gradients.js'
export { parameters } from './parameters.js'
