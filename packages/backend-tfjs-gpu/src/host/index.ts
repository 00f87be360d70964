import type { HostOp } from '../op.js'
import * as elementwise from './elementwise.js'
import * as indexing from './indexing.js'
import * as linalg from './linalg.js'
import * as movement from './movement.js'
import * as reduction from './reduction.js'

const families = [elementwise, indexing, linalg, movement, reduction] as readonly object[]

const isOp = (entry: [string, unknown]): entry is [string, HostOp] => typeof entry[1] === 'object'

/** The operators that run in JavaScript, by ONNX's names. */
export const hostOps: ReadonlyMap<string, HostOp> = new Map(families.flatMap((family) => Object.entries(family).filter(isOp)))
