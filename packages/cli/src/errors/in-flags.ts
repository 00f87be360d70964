/** What options of the libraries are called on the command line. */
const flags: Readonly<Record<string, string>> = {
  maxNewTokens: '--max-tokens',
  contextTokens: '--context-tokens',
  contextLength: '--context-length',
  topK: '--top-k',
  topP: '--top-p',
  minP: '--min-p',
  repetitionPenalty: '--repetition-penalty',
  temperature: '--temperature',
  seed: '--seed',
  stop: '--stop',
  candidates: '--candidates',
  scope: '--scope',
  schema: '--schema',
  template: '--template',
  variables: '--variable',
  truncate: '--no-truncate',
  infill: '--prefix-only',
  draft: '--draft',
  device: '--device',
  head: '--head',
  to: '--to',
}

/** Names that stand for nothing else in a sentence. */
const told = /'?\b(maxNewTokens|contextTokens|contextLength|topK|topP|minP|repetitionPenalty)\b'?/g

/** Sentences of the libraries about calls of functions, of which the command line has none. */
const sentences: readonly (readonly [from: string, to: string])[] = [
  [' or cacheBytes', ''],
  ['pass overwrite: true', 'pass --overwrite'],
  [' truncate out', ' --no-truncate out'],
  ["Take turns back with undo() or replace() (on the command line /undo), or open the conversation with overflow: 'drop-oldest' (--drop-oldest)", 'Take the last question back with /undo, begin anew with /reset, or start with --drop-oldest'],
]

/** What is wrong with an option, by the flag that sets it: `The option 'topP' of conversation is 0` becomes `--top-p is 0`. */
export function optionInFlags(message: string): string {
  const [, option = '', problem] = /^The option '(\w+)' of (?:(?:a call of )?the task '[^']+'|[\w-]+) (.*)$/s.exec(message) ?? []
  const flag = Object.hasOwn(flags, option) ? flags[option] : undefined
  return flag === undefined ? message : inFlags(`${flag} ${problem}`)
}

/** What to do about it, likewise. */
export function inFlags(text: string): string {
  return sentences.reduce((all, [from, to]) => all.replaceAll(from, to), text).replace(told, (_, option: string) => flags[option]!)
}
