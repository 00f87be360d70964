import { NoSuchHeadError, type Checkpoint, type Graph, type Model } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { readExported } from './read-exported.js'
import { revised } from './revision.js'
import { Weights, type Spellings } from './weights.js'

/** What stands on top of a family's base. */
export interface Head<Config> {
  /** The outputs its graph has, by their names in `transformers`; a `?` behind one marks what some checkpoints lack. */
  readonly outputs: readonly string[]
  emit(builder: GraphBuilder, weights: Weights, config: Config): void
}

/** A family of architectures: how its config is read and what its heads emit. */
export interface Family<Name extends string, Config> {
  readonly name: Name
  config(checkpoint: Checkpoint): Config
  readonly heads: Readonly<Record<string, Head<Config>>>
  readonly spellings?: Spellings
  /** The most tokens that the positions allow, where they do limit it. */
  maxLength?(config: Config): number | undefined
}

/**
 * Makes the model plugin of a family. A checkpoint that holds weights is built from them; one that holds only
 * `.onnx` files brings its graph along.
 */
export function defineFamily<Name extends string, Config>(family: Family<Name, Config>): Model<Name> {
  const heads = Object.keys(family.heads)
  const outputs = Object.fromEntries(Object.entries(family.heads).map(([head, { outputs }]) => [head, outputs]))
  return {
    kind: 'model',
    version: 'v1',
    name: family.name,
    heads,
    maxLength: (checkpoint) => family.maxLength?.(family.config(checkpoint)),
    build: revised(async (checkpoint, { head }) => {
      const chosen = Object.hasOwn(family.heads, head) ? family.heads[head] : undefined
      if (chosen === undefined) throw new NoSuchHeadError({ family: family.name, head, available: heads })
      const model = checkpoint.constants.size === 0 ? await readExported(checkpoint, head, outputs) : emit(family, chosen, checkpoint)
      return { model }
    }),
  }
}

function emit<Config>(family: Family<string, Config>, head: Head<Config>, checkpoint: Checkpoint): Graph {
  const builder = new GraphBuilder(family.name)
  head.emit(builder, new Weights(builder, checkpoint, family.spellings), family.config(checkpoint))
  return builder.build()
}
