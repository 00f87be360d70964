export { checkStopStrings, TextStream, type TextStreamOptions } from './text-stream.js'
export { spellVocabulary, vocabularyOf, type Vocabulary } from './vocabulary.js'
