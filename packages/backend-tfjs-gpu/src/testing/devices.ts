import { createRequire } from 'node:module'
import type { DeviceName } from '../devices.js'

const require = createRequire(import.meta.url)

/** A module that stands in for @tensorflow/tfjs-node: its folder or its name. Tests on the native library need it. */
const native = process.env['TENON_TFJS_NODE']

/** Loads the native library from where the environment says. */
export const load = (name: string): unknown => require(name === '@tensorflow/tfjs-node' && native !== undefined ? native : name)

/** The devices that tests run on: those that need no native library, and the native one where the environment names it. */
export const testedDevices: readonly DeviceName[] = native === undefined ? ['wasm', 'cpu'] : ['wasm', 'cpu', 'native']
