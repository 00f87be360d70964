import { xlmRoberta } from './xlm-roberta.js'
import { describeFamily } from './test-conformance.js'
import { fixturesOf } from './test-support.js'

const of = fixturesOf('xlm-roberta')

// Weights and numbers are RoBERTa's: in transformers both classes compute the same, bit for bit (tools/fixtures/roberta.py).
describeFamily(xlmRoberta(), [of('base', 'base', 'roberta/base'), ...['masked-lm', 'sequence-classification', 'token-classification', 'question-answering', 'multiple-choice'].map((head) => of(head, head, `roberta/${head}`))])
