import type { DecoderOptions } from './decoder-options.js'

/**
 * What to say where options of drawing were given and nothing is drawn; nothing where they do something.
 * @param recommended The temperature without `--temperature`. Default 0.
 */
export function idleSampling({ temperature, topK, topP, minP, seed }: DecoderOptions, recommended = 0): string | undefined {
  if ((temperature ?? recommended) > 0) return undefined
  const given = Object.entries({ '--top-k': topK, '--top-p': topP, '--min-p': minP, '--seed': seed }).filter(([, value]) => value !== undefined)
  if (given.length === 0) return undefined
  const names = given.map(([name]) => name).join(', ').replace(/, (?=[^,]*$)/, ' and ')
  return `${names} ${given.length === 1 ? 'does' : 'do'} nothing ${temperature === 0 ? 'at --temperature 0' : 'without --temperature'}: the likeliest token is taken`
}
