import { camembert } from './camembert.js'
import { describeFamily } from './test-conformance.js'
import { fixturesOf } from './test-support.js'

const of = fixturesOf('camembert')

// Weights and numbers are RoBERTa's: in transformers both classes compute the same, bit for bit (tools/fixtures/roberta.py).
describeFamily(camembert(), [of('base', 'base', 'roberta/base'), ...['masked-lm', 'sequence-classification', 'token-classification', 'question-answering', 'multiple-choice'].map((head) => of(head, head, `roberta/${head}`))])
