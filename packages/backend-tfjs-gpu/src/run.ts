import { BackendError, InvalidInputError, TenonError, throwIfAborted } from '@tenon/core'
import type { Device } from './device.js'
import { Held } from './held.js'
import type { DeviceOp, HostOp, Operand } from './op.js'
import type { Reading, Step } from './plan.js'
import { Refusal } from './refusal.js'
import type { DeviceTensor } from './tensorflow.js'

/** How long kernels may keep the event loop waiting, in milliseconds, beyond the one that is running. */
const SLICE = 5

/** The values of a run, by their numbers. */
export type Values = (Held | undefined)[]

/**
 * Runs steps one after another, and gives way every few milliseconds.
 * @throws AbortedError, InvalidInputError, BackendError
 */
export async function runSteps(device: Device, steps: readonly Step[], values: Values, signal: AbortSignal | undefined): Promise<void> {
  for (let next = 0; next < steps.length; ) {
    throwIfAborted(signal)
    next = device.during(() => {
      const until = performance.now() + SLICE
      let index = next
      do runStep(device, steps[index++]!, values)
      while (index < steps.length && performance.now() < until)
      return index
    })
    if (next < steps.length) await new Promise<void>((resolve) => void setImmediate(resolve))
  }
  throwIfAborted(signal)
}

function runStep(device: Device, step: Step, values: Values): void {
  try {
    const operands = step.inputs.map((input, index) => (input < 0 ? undefined : read(device, values[input]!, step.readings[index]!)))
    if (step.where === 'device') {
      const made = (step.run as DeviceOp['run'])(device, operands as never, step.attributes as never, step.wanted)
      if (Array.isArray(made)) for (const [index, tensor] of made.entries()) keep(values, step, index, tensor as DeviceTensor)
      else keep(values, step, 0, made as DeviceTensor)
    } else {
      const made = [(step.run as HostOp['run'])(operands as never, step.attributes as never, step.wanted)].flat()
      for (const [index, array] of made.entries()) if (step.outputs[index]! >= 0) values[step.outputs[index]!] = Held.array(array)
    }
  } catch (error) {
    throw described(error, step)
  }
  for (const value of step.last) {
    values[value]?.free()
    values[value] = undefined
  }
}

function read(device: Device, held: Held, reading: Reading): Operand {
  if (reading === 'device') return held.onDevice(device)
  return reading === 'host' ? held.onHost(device) : { dtype: held.dtype, shape: held.shape, values: nothing }
}

const nothing = new Float32Array()

function keep(values: Values, step: Step, index: number, tensor: DeviceTensor): void {
  const output = step.outputs[index] ?? -1
  if (output < 0) tensor.dispose()
  else values[output] = Held.tensor(step.wanted.types[index]!, tensor)
}

/** Which node it was. */
function described(error: unknown, { op, makes }: Step): unknown {
  const node = `${op}, which makes '${makes}',`
  if (error instanceof Refusal) return new InvalidInputError({ what: node, problem: error.problem, remedy: error.remedy })
  if (TenonError.isInstance(error)) return error
  return new BackendError({ backend: 'tfjs', doing: `running ${op} (the node that makes '${makes}')`, problem: error instanceof Error ? error.message : String(error), remedy: 'Run the graph on another backend, and report this with the graph', cause: error })
}
