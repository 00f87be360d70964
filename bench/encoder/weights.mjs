import { bytesOf, lazyConstant, viewAs } from '@tenon/core'
import { readOnnx } from '@tenon/graph/onnx'
import { random } from '../statistics.mjs'

/**
 * Float32 weights that are as good as the real ones, from the 8-bit ones that ship: each weight is drawn from the
 * interval that rounds to its byte, so that whoever quantises them again, by whatever recipe, meets them anew.
 * @returns {Promise<Map<string, import('@tenon/core').Constant>>} by parameter path.
 */
export async function ditheredWeights(checkpoint) {
  const { constants } = await readOnnx(await checkpoint.path('onnx/model_quantized.onnx'))
  const weights = new Map()
  let seed = 0
  for (const [name, constant] of constants) {
    seed += 1
    const match = /^(?<path>.+?)(?:_rows|_for_(?<input>.+))?_int8$/.exec(name)
    if (match === null) {
      if (/\.(?:weight|bias)$/.test(name) && constant.dtype === 'float32') weights.set(name.replace(/^bert\./, ''), constant)
      continue
    }
    const { path, input } = match.groups
    const scales = constants.get(name.replace(/_int8$/, '_scale'))
    const smoothing = input && constants.get(`${input}_smoothing`)
    const isTable = name.endsWith('_rows_int8')
    weights.set(path.replace(/^bert\./, ''), await dithered(constant, scales, smoothing, isTable, random(seed)))
  }
  return weights
}

async function dithered(quantized, scales, smoothing, isTable, next) {
  const bytes = viewAs('int8', await quantized.bytes())
  const steps = viewAs('float32', await scales.bytes())
  const even = smoothing && viewAs('float32', await smoothing.bytes())
  const [rows, columns] = quantized.shape
  // Products are stored [in, out]; a checkpoint has them [out, in].
  const shape = isTable ? [rows, columns] : [columns, rows]
  const values = new Float32Array(bytes.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = (bytes[row * columns + column] + next() - 0.5) * steps[isTable ? row : column] * (even?.[row] ?? 1)
      values[isTable ? row * columns + column : column * rows + row] = value
    }
  }
  return lazyConstant('float32', shape, async () => bytesOf(values))
}
