/** What transformers takes as `rope_scaling`. */
export type RopeScaling = Readonly<Record<string, string | number>>

/** Reads a number of the metadata by its key without the architecture. */
type ReadNumber = (key: string) => number | undefined

/**
 * How rotary positions are scaled, by the metadata: `linear` or `yarn`.
 * @param type `rope.scaling.type`
 */
export function ropeScaling(type: unknown, number: ReadNumber): RopeScaling | undefined {
  const factor = number('rope.scaling.factor') ?? number('rope.scale_linear')
  if (factor === undefined || factor === 0 || factor === 1) return undefined
  if (type === 'none') return undefined
  if (type !== 'yarn') return { rope_type: typeof type === 'string' ? type : 'linear', factor }
  const given = { original_max_position_embeddings: number('rope.scaling.original_context_length'), beta_fast: number('rope.scaling.yarn_beta_fast'), beta_slow: number('rope.scaling.yarn_beta_slow') }
  const attention = number('rope.scaling.yarn_attn_factor') ?? number('rope.scaling.attn_factor')
  return {
    rope_type: 'yarn',
    factor,
    ...Object.fromEntries(Object.entries(given).filter((entry): entry is [string, number] => entry[1] !== undefined)),
    // There a factor on top of YaRN's own, here what stands in its place.
    ...(attention !== undefined && attention !== 1 && { attention_factor: attention * (0.1 * Math.log(factor) + 1) }),
  }
}

interface Ramp {
  readonly low_freq_factor: number
  readonly high_freq_factor: number
  readonly original_max_position_embeddings: number
}

/** What Llama 3.1 and 3.2 have (Grattafiori et al. 2024), with factors of 8 and 32. */
const published: Ramp = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }

/**
 * Llama 3's scaling, from what each pair's wavelength is multiplied by: 1 for short ones, the factor for long ones, and
 * between them 1 / ((1 − smooth) / factor + smooth), where smooth falls with the wavelength. Its parameters are those that
 * were published, or else those that give these factors.
 * @param factors [size / 2]
 * @param base Of the angles, `rope_theta`.
 * @returns undefined where no parameters give these factors.
 */
export function llama3Scaling(factors: ArrayLike<number>, base: number): RopeScaling | undefined {
  const list = Array.from(factors)
  if (list.every((factor) => factor === 1)) return undefined
  const turns = list.map((_, pair) => base ** -(pair / list.length) / (2 * Math.PI)) // of each pair, from a position to the next
  for (const factor of new Set([rounded(Math.max(...list)), 8, 32])) {
    const like = (parameters: Ramp) => list.every((value, pair) => Math.abs(value / expected(turns[pair]!, factor, parameters) - 1) < 1e-3)
    const parameters = [published, ...rampOf(list, turns, factor)].find(like)
    if (parameters !== undefined) return { rope_type: 'llama3', factor, ...parameters }
  }
  return undefined
}

/** The ramp through the factors that lie on it, if two do. */
function rampOf(factors: readonly number[], turns: readonly number[], factor: number): Ramp[] {
  const points = factors.flatMap((value, pair) => (value > 1 && value < factor ? [{ turns: turns[pair]!, smooth: (1 / value - 1 / factor) / (1 - 1 / factor) }] : []))
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined || first === last) return []
  // smooth = (length · turns − low) / (high − low): only the ratios count, so the length is the published one.
  const slope = (first.smooth - last.smooth) / (first.turns - last.turns)
  const width = published.original_max_position_embeddings / slope
  const low = (first.turns * slope - first.smooth) * width
  return low > 0 && width > 0 ? [{ ...published, low_freq_factor: low, high_freq_factor: low + width }] : []
}

function expected(turns: number, factor: number, { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length }: Ramp): number {
  const smooth = Math.min(1, Math.max(0, (length * turns - low) / (high - low)))
  return 1 / ((1 - smooth) / factor + smooth)
}

/** A factor that was written down as float32, in as few digits as it had. */
const rounded = (value: number) => Number(value.toPrecision(6))
