export { alike, type Alike, type AlikeOptions } from './alike.js'
export { bagOfWords } from './bag-of-words.js'
export { toy } from './toy.js'
