export { foldConstants } from './fold-constants.js'
export { lower } from './lower.js'
