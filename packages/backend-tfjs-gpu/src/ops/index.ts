import type { DeviceOp } from '../op.js'
import * as convolution from './convolution.js'
import * as elementwise from './elementwise.js'
import * as indexing from './indexing.js'
import * as linalg from './linalg.js'
import * as movement from './movement.js'
import * as normalization from './normalization.js'
import * as quantization from './quantization.js'
import * as reduction from './reduction.js'

const families = [convolution, elementwise, indexing, linalg, movement, normalization, quantization, reduction] as readonly object[]

const isOp = (entry: [string, unknown]): entry is [string, DeviceOp] => typeof entry[1] === 'object'

/** The operators that run on a device, by ONNX's names. */
export const deviceOps: ReadonlyMap<string, DeviceOp> = new Map(families.flatMap((family) => Object.entries(family).filter(isOp)))
