export { encodeOnnx, type EncodeOptions, type ExternalLocation } from './encode.js'
export { readOnnx } from './read.js'
export { writeOnnx, type WriteOptions } from './write.js'
