import type { Model, ModelConfig } from '@tenon/core'

/**
 * The head a model is meant to be used with. Configs of few keys name no class, which says `'base'`: a decoder, which has one head alone, is used with that.
 * @throws InvalidOptionError, InvalidFileError
 */
export async function usualHead(config: ModelConfig, families: readonly Model[], task?: string): Promise<string> {
  const { headOf } = await import('@tenon/models/export')
  const head = headOf(config, task)
  const heads = families.find(({ name }) => name === config.model_type)?.heads ?? []
  return task === undefined && head === 'base' && heads.length === 1 ? heads[0]! : head
}
