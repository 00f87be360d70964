export { foldConstants } from './fold-constants.js'
export { lower } from './lower.js'
export { removeDeadCode } from './remove-dead-code.js'
export { shareCommonSubexpressions } from './share-common-subexpressions.js'
