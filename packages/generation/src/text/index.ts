export { checkStopStrings, TextStream, type TextStreamOptions } from './text-stream.js'
export { vocabularyOf, type Vocabulary } from './vocabulary.js'
