import { gpt2 } from './gpt2.js'
import { describeDecoder } from './test-decoding.js'

describeDecoder(gpt2())
