import { qwen2 } from './qwen2.js'
import { describeDecoder } from './test-decoding.js'

describeDecoder(qwen2())
