import { qwen3 } from './qwen3.js'
import { describeDecoder } from './test-decoding.js'

describeDecoder(qwen3())
