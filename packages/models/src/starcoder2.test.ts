import { starcoder2 } from './starcoder2.js'
import { describeDecoder } from './test-decoding.js'

describeDecoder(starcoder2())
