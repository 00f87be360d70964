import { join } from 'node:path'
import { locate } from '../answers.js'
import { progressFor, type Context } from '../context.js'
import { NoExamplesError } from '../errors/no-examples-error.js'
import { exitCodes } from '../exit-codes.js'
import { createLocator } from '../locate.js'
import { examplesFolder } from '../package-folder.js'
import { renderBrief } from '../render-answer.js'
import { counted, duration } from '../units.js'

export interface StartOptions {
  readonly model?: string
}

/** One from Markdown, one from HTML, and one in Chinese. */
const QUESTIONS = ['How long should oak dry before use?', 'Why can the blade of a Japanese saw be thinner?', '应县木塔有多高？'] as const

/** `tenon start`: a first look, on the example documents. */
export async function start(context: Context, options: StartOptions): Promise<number> {
  const { out, env, signal } = context
  const { colors } = out
  const folder = examplesFolder()
  if (folder === undefined) throw new NoExamplesError('Ask documents of your own: tenon ask "your question" ./your/folder')
  using progress = progressFor(context, {})

  const began = performance.now()
  await using opened = await context.open({ model: options.model, signal, progress })
  const base = await opened.knowledgeBase()
  const loaded = performance.now()
  const { documents, passages } = await base.add(folder, { signal })
  const read = performance.now()
  progress.clear()
  await out.print('', `${colors.bold('Tenon')} has read ${counted(documents, 'document')} in ${shortName(folder)}. Some questions:`)

  const placeOf = createLocator()
  let asking = 0
  for (const question of QUESTIONS) {
    const asked = performance.now()
    const answer = await base(question, { signal })
    const milliseconds = performance.now() - asked
    asking += milliseconds
    await out.print('', `${colors.cyan('?')} ${colors.bold(question)}`, ...renderBrief(await locate(question, answer, milliseconds, placeOf), out))
  }

  const times = `the model loaded in ${duration(loaded - began)}, ${counted(passages, 'passage')} embedded in ${duration(read - loaded)}, ${duration(asking / QUESTIONS.length)} a question`
  await out.print('', colors.dim(`On this machine, with no network: ${times}.`), '', colors.bold('Try next'), ...next(env).map((line) => `  ${line}`), '')
  return exitCodes.done
}

const shortName = (folder: string) => join(...folder.split(/[\\/]/).slice(-2))

/** In the repository `npm start` passes arguments on. */
function next(env: Context['env']): string[] {
  const inRepository = env['npm_lifecycle_event'] === 'start'
  const ask = inRepository ? 'npm start --' : 'tenon ask'
  const command = inRepository ? 'npm start --' : 'tenon'
  const rows = [
    [`${ask} "your question" ./your/folder`, 'your own documents: text, Markdown, HTML, JSON'],
    [`${command} embed "a cat" "a kitten" --similarity`, 'how close are two texts'],
    [`${command} doctor`, 'what works on this machine'],
    ['README.md', 'the same from your own code'],
  ] as const
  const longest = Math.max(...rows.map(([command]) => command.length))
  return rows.map(([command, purpose]) => `${command.padEnd(longest)}  ${purpose}`)
}
