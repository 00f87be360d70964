export { default } from '../../tools/tsup.js'
