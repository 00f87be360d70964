import type { Constant } from './constant.js'
import type { Emit } from './events.js'
import type { Tokenizer } from './tokenizer.js'

/** The parsed `config.json`. */
export interface ModelConfig {
  readonly model_type: string
  readonly [key: string]: unknown
}

/** An opened pretrained model: cheap to hold, its weights unread. */
export interface Checkpoint extends AsyncDisposable {
  /** What was asked for: a folder, a package name, a hub identifier. */
  readonly reference: string
  readonly config: ModelConfig
  /** The weights by parameter path, `'encoder.layer.0.attention.self.query.weight'`. Empty where only `.onnx` files are held. */
  readonly constants: ReadonlyMap<string, Constant>
  /** The `.onnx` file, one of `files`, that stands for the model where `constants` is empty. */
  readonly graph?: string | undefined
  /** The files held, relative to the checkpoint, with forward slashes. */
  readonly files: readonly string[]
  /**
   * Absolute path of one of `files`, which a remote source fetches now if it has not yet.
   * @throws MissingFileError
   */
  path(file: string): Promise<string>
  /**
   * A parsed JSON file, or `undefined` where it is absent.
   * @throws InvalidFileError when it is no JSON.
   */
  json(file: string): Promise<unknown>
  /** @throws MissingFileError when the checkpoint holds no tokenizer. */
  tokenizer(): Promise<Tokenizer>
}

export interface OpenContext {
  readonly emit: Emit
  readonly signal?: AbortSignal
  /** Whether the tokenizer will be asked for: what other threads can do for it may begin at once. */
  readonly tokenizer?: boolean
}

/** A place checkpoints come from. */
export interface Source<Name extends string = string> {
  readonly kind: 'source'
  readonly version: 'v1'
  readonly name: Name
  /**
   * Opens the reference, or says in words why it is not to be found here, so that the next source is asked and
   * the error, if all refuse, lists where was looked.
   */
  open(reference: string, context: OpenContext): Promise<Checkpoint | { readonly notFound: string }>
}
