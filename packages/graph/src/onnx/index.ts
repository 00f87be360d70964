export { encodeOnnx, type EncodeOptions, type ExternalLocation } from './encode.js'
export { readOnnx } from './read.js'
export type { Origin } from './share-file.js'
export { writeOnnx, type WriteOptions, type WrittenFile } from './write.js'
