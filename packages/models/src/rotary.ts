import { bytesOf, inlineConstant, lazyConstant, ShapeMismatchError, type Checkpoint, type Constant, type Origin } from '@tenon/core'
import { integers, scalar } from '@tenon/graph'
import { Add, Cast, Cos, Div, Max, Mul, Pow, Range, Reciprocal, Reshape, Shape, Sin, Squeeze, Sub, Unsqueeze } from '@tenon/graph/ops'
import { malformed, sizeIn } from './config.js'
import { positionsOf, type Rotation, type Tokens } from './decoder.js'
import { toRows } from './layers.js'
import type { Weights } from './weights.js'

/** How queries and keys are turned by their positions (Su et al. 2021), for contexts as long as they were trained on and stretched ones. */
export interface Rotary {
  /** How many numbers of a head are turned, in pairs. */
  readonly size: number
  /** The most positions there are: the context length. */
  readonly positions: number
  /** How far each pair turns from one position to the next, in radians: [size / 2]. Those of short texts, where they depend on the length. */
  readonly frequencies: Float32Array
  /** Cosines and sines are multiplied by it (YaRN's attention factor). */
  readonly scale: number
  /** Present where the angles depend on the length of the text (dynamic NTK). */
  readonly growing?: Growing
}

interface Growing {
  readonly theta: number
  readonly factor: number
  /** The length up to which nothing is stretched. */
  readonly trained: number
}

type Parameters = Readonly<Record<string, unknown>>

interface Place {
  readonly checkpoint: Checkpoint
  readonly parameters: Parameters
  readonly size: number
  readonly theta: number
  /** `max_position_embeddings`, which is the length trained on for some types and the length reached for others. */
  readonly positions: number
}

type Scaled = Pick<Rotary, 'frequencies' | 'scale' | 'positions'> & { readonly growing?: Growing }

/**
 * What a config says of rotary positions, as `rope_scaling` or, since transformers 5, as `rope_parameters`.
 * @param size How many numbers of a head are turned.
 * @param positions How many there are where the config does not say.
 * @throws InvalidFileError for a type that is not built here, or one whose parameters are missing or no numbers.
 * @throws ShapeMismatchError where the size is odd.
 */
export function rotaryIn(checkpoint: Checkpoint, { size, positions }: { readonly size: number; readonly positions?: number }): Rotary {
  if (size % 2 !== 0) throw new ShapeMismatchError({ op: 'RotaryEmbedding', expected: 'heads of an even size, which are turned in pairs', actual: [size] })
  const parameters = parametersIn(checkpoint)
  const part = parameters['partial_rotary_factor'] ?? checkpoint.config['partial_rotary_factor'] ?? 1
  if (part !== 1) throw malformed(checkpoint, `turns a part of each head: its 'partial_rotary_factor' is ${JSON.stringify(part)}`, 'Only whole heads are turned in this family')
  const type = parameters['rope_type'] ?? parameters['type'] ?? 'default'
  const scaled = typeof type === 'string' && Object.hasOwn(types, type) ? types[type] : undefined
  if (scaled === undefined) throw malformed(checkpoint, `turns positions by the type ${JSON.stringify(type)}`, `Built are: ${Object.keys(types).join(', ')}`)
  const theta = number(checkpoint, parameters, 'rope_theta', number(checkpoint, checkpoint.config, 'rope_theta', 10_000))
  return { size, ...scaled({ checkpoint, parameters, size, theta, positions: sizeIn(checkpoint, 'max_position_embeddings', positions) }) }
}

function parametersIn(checkpoint: Checkpoint): Parameters {
  const isEmpty = (value: unknown) => value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  const key = isEmpty(checkpoint.config['rope_scaling']) ? 'rope_parameters' : 'rope_scaling'
  const given = checkpoint.config[key] ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) throw malformed(checkpoint, `gives '${key}' as ${JSON.stringify(given)}`, 'Write an object with a rope_type')
  const parts = Object.entries(given).find(([, value]) => typeof value === 'object' && value !== null && !Array.isArray(value))
  if (parts !== undefined) throw malformed(checkpoint, `has '${parts[0]}' among its '${key}'`, 'Give one set of parameters: all layers of this family turn alike')
  return given as Parameters
}

/** A positive number. @throws InvalidFileError */
function number(checkpoint: Checkpoint, among: Parameters, key: string, otherwise?: number): number {
  const value = among[key] ?? otherwise
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw malformed(checkpoint, `gives ${value === undefined ? 'no' : JSON.stringify(value)} '${key}' to turn positions by`, `Write '${key}' as a number above 0`)
  }
  return value
}

/** A number as above, or undefined where it is left out, null, or 0, which `transformers` takes for left out. */
const optional = ({ checkpoint, parameters }: Place, key: string): number | undefined => (parameters[key] ? number(checkpoint, parameters, key) : undefined)

const required = ({ checkpoint, parameters }: Place, key: string): number => number(checkpoint, parameters, key)

// Frequencies are computed step by step in float32, as `transformers` does: at position 30,000 an angle is a thousand times as wrong as its frequency.
const { fround } = Math

/** θ^(2i / size) for each pair i */
const wavelengths = ({ theta, size }: Pick<Place, 'theta' | 'size'>): Float32Array => Float32Array.from({ length: size / 2 }, (_, pair) => fround(theta) ** fround((2 * pair) / size))

const inverse = (x: Float32Array): Float32Array => x.map((value) => 1 / value)

/** The types of `ROPE_INIT_FUNCTIONS` in `transformers` that decoders of these families use. */
const types: Readonly<Record<string, (place: Place) => Scaled>> = {
  default: (place) => ({ frequencies: inverse(wavelengths(place)), scale: 1, positions: place.positions }),
  linear: (place) => {
    const factor = required(place, 'factor')
    return { frequencies: inverse(wavelengths(place)).map((frequency) => frequency / fround(factor)), scale: 1, positions: place.positions }
  },
  dynamic: (place) => {
    const { positions: trained, theta, size } = place
    if (size === 2) throw new ShapeMismatchError({ op: 'RotaryEmbedding', expected: 'heads of four numbers or more for dynamic scaling', actual: [size] })
    const factor = required(place, 'factor')
    return { frequencies: inverse(wavelengths(place)), scale: 1, positions: Math.max(trained, Math.floor(trained * factor)), growing: { theta, factor, trained } }
  },
  yarn,
  llama3,
}

/** The length before scaling. In `transformers` the config's own key outweighs the parameter. */
const trainedLength = ({ checkpoint, parameters, positions }: Place): number =>
  number(checkpoint, checkpoint.config, 'original_max_position_embeddings', number(checkpoint, parameters, 'original_max_position_embeddings', positions))

/**
 * YaRN (Peng et al. 2023): pairs that turn `beta_fast` times and more within the length trained on stay, those that turn less than
 * `beta_slow` times are interpolated, with a ramp between.
 */
function yarn(place: Place): Scaled {
  const { size, theta, positions, parameters } = place
  const trained = trainedLength(place)
  const factor = parameters['factor'] === null ? positions / trained : required(place, 'factor')
  const pairAt = (turns: number) => (size * Math.log(trained / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [first, last] = [pairAt(optional(place, 'beta_fast') ?? 32), pairAt(optional(place, 'beta_slow') ?? 1)]
  const isTruncated = parameters['truncate'] ?? true
  const low = Math.max(isTruncated ? Math.floor(first) : first, 0)
  const high = Math.min(isTruncated ? Math.ceil(last) : last, size - 1)
  const width = low === high ? 0.001 : high - low
  const frequencies = wavelengths(place).map((wavelength, pair) => {
    const ramp = Math.min(Math.max(fround(fround(pair - fround(low)) / fround(width)), 0), 1)
    const kept = fround(1 - ramp)
    return fround(fround(1 / fround(fround(factor) * wavelength)) * fround(1 - kept)) + fround(fround(1 / wavelength) * kept)
  })
  return { frequencies, scale: attentionFactor(place, factor), positions: Math.max(positions, Math.floor(trained * factor)) }
}

function attentionFactor(place: Place, factor: number): number {
  const given = place.parameters['attention_factor'] ?? undefined
  if (given !== undefined) return required(place, 'attention_factor')
  const scale = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1)
  const [mscale, mscaleAll] = [optional(place, 'mscale'), optional(place, 'mscale_all_dim')]
  return mscale !== undefined && mscaleAll !== undefined ? scale(mscale) / scale(mscaleAll) : scale(1)
}

/** Llama 3.1 (Grattafiori et al. 2024): long wavelengths are stretched, short ones stay, with a ramp between. */
function llama3(place: Place): Scaled {
  const [factor, low, high] = ['factor', 'low_freq_factor', 'high_freq_factor'].map((key) => required(place, key)) as [number, number, number]
  const trained = trainedLength(place)
  const frequencies = inverse(wavelengths(place)).map((frequency) => {
    const wavelength = fround(fround(1 / frequency) * fround(2 * Math.PI))
    if (wavelength > fround(trained / low)) return frequency / fround(factor)
    if (wavelength < fround(trained / high)) return frequency
    const smooth = fround(fround(fround(fround(1 / wavelength) * trained) - fround(low)) / fround(high - low))
    return fround(fround(fround(1 - smooth) * frequency) / fround(factor)) + fround(smooth * frequency)
  })
  return { frequencies, scale: 1, positions: place.positions }
}

/** Of each table, both of which are in memory while they are computed: eight million positions of heads of 128. */
const MOST_BYTES = 2 ** 31
/** A longer table is kept in no file: few decoders have memory for so many positions, and of fewer it is soon computed (131,072 of heads of 128 in 0.15 s). */
const KEPT_BYTES = 2 ** 25

/**
 * The angles that the tokens of a run are turned by. They come from a table, which is computed when a backend asks for it, as long as the context or as far as
 * is asked for. Where they depend on the length (dynamic NTK)
 * they are computed in the graph, those of a run by the length that each text has after it, as `transformers` does. What is in the cache keeps its
 * angles: a text longer than what was trained on, read in chunks, is not what it is when read at once, neither here nor there.
 */
export function rotation({ builder, checkpoint }: Weights, rotary: Rotary, tokens: Tokens): Rotation {
  if (rotary.growing !== undefined) return grown(rotary.growing, rotary.size, tokens)
  const tables = tablesOf(rotary, checkpoint)
  return { cosines: builder.constant(tables.cosines, 'rotary.cosines'), sines: builder.constant(tables.sines, 'rotary.sines') }
}

/** @throws InvalidFileError when too many are asked for. */
function tablesOf(rotary: Rotary, checkpoint: Checkpoint): Readonly<Record<keyof Table, Constant<'float32'>>> {
  const { positions, frequencies, scale, size } = rotary
  let known: WeakRef<Table> | undefined // both are asked for in turn, by each backend that compiles
  const both = (): Table => {
    if (2 * positions * size > MOST_BYTES) throw malformed(checkpoint, `gives ${positions} 'max_position_embeddings', for whose angles there is no room`, 'Set it to the longest text that is to be read')
    const tables = known?.deref() ?? tableOf(rotary)
    known = new WeakRef(tables)
    return tables
  }
  const shorter = new Map<number, ReturnType<typeof tablesOf>>()
  const table = (name: keyof Table): Constant<'float32'> => {
    const origin: Origin = { how: JSON.stringify(['rotary table 1', name, positions, scale, Array.from(frequencies)]), files: [] }
    const whole = lazyConstant('float32', [positions, size / 2], async () => bytesOf(both()[name]))
    const upTo = (rows: number): Constant<'float32'> => {
      if (rows >= positions) return constants[name]
      const tables = shorter.get(rows) ?? tablesOf({ ...rotary, positions: rows }, checkpoint)
      shorter.set(rows, tables)
      return tables[name]
    }
    return { ...whole, ...(whole.byteLength <= KEPT_BYTES && { origin }), upTo }
  }
  const constants = { cosines: table('cosines'), sines: table('sines') }
  return constants
}

interface Table {
  readonly cosines: Float32Array
  readonly sines: Float32Array
}

/**
 * Of the angles of all positions: [positions, size / 2] each. Angles are rounded to float32 before their cosines are taken, as in `transformers`, and at position
 * 30,000 that is a thousandth of a radian. Each row is the one before, turned on in float64, and then by what rounding its angle adds (less than 2⁻⁷
 * up to 2¹⁷ positions, so that the third power is the last that counts): several times as fast as a cosine for each.
 */
export function tableOf({ positions, frequencies, scale }: Pick<Rotary, 'positions' | 'frequencies' | 'scale'>): Table {
  const pairs = frequencies.length
  const [cosines, sines] = [new Float32Array(positions * pairs), new Float32Array(positions * pairs)]
  const [stepCosines, stepSines] = [Float64Array.from(frequencies, Math.cos), Float64Array.from(frequencies, Math.sin)]
  const [cosine, sine] = [new Float64Array(pairs).fill(1), new Float64Array(pairs)]
  const factor = fround(scale)
  for (let position = 0, index = 0; position < positions; position++) {
    for (let pair = 0; pair < pairs; pair++, index++) {
      const [c, s, angle] = [cosine[pair]!, sine[pair]!, position * frequencies[pair]!]
      const rest = fround(angle) - angle
      const [restCosine, restSine] = [1 - (rest * rest) / 2, rest - (rest * rest * rest) / 6]
      cosines[index] = fround(c * restCosine - s * restSine) * factor
      sines[index] = fround(s * restCosine + c * restSine) * factor
      cosine[pair] = c * stepCosines[pair]! - s * stepSines[pair]!
      sine[pair] = s * stepCosines[pair]! + c * stepSines[pair]!
    }
  }
  return { cosines, sines }
}

/** The base of the angles grows with the length, and so the slow pairs turn slower. */
function grown({ theta, factor, trained }: Growing, size: number, tokens: Tokens): Rotation {
  const lengths = Unsqueeze(Cast(Add(tokens.last, scalar(tokens.last, 1)), { to: 'float32' }), integers(tokens.last, [1, 2])) // [batch, 1, 1]
  const number = (value: number) => scalar(lengths, value)
  const stretch = Sub(Div(Mul(number(factor), Max([lengths, number(trained)])), number(trained)), number(factor - 1))
  const base = Mul(number(theta), Pow(stretch, number(size / (size - 2))))
  const exponents = Float32Array.from({ length: size / 2 }, (_, pair) => (2 * pair) / size)
  const frequencies = Reciprocal(Pow(base, base.builder.constant(inlineConstant('float32', [size / 2], exponents)))) // [batch, 1, size / 2]
  const positions = positionsOf(tokens) // [batch, sequence]
  const angles = toRows(Mul(Unsqueeze(Cast(positions, { to: 'float32' }), integers(positions, [2])), frequencies)) // [batch * sequence, size / 2]
  const count = Squeeze(Shape(angles, { start: 0, end: 1 }), integers(angles, [0]))
  return { cosines: Cos(angles), sines: Sin(angles), rows: Reshape(Range(scalar(count, 0), count, scalar(count, 1)), Shape(tokens.ids)) }
}
