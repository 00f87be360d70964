import { isAbsolute, relative, sep } from 'node:path'
import type { LocatedAnswer, LocatedSentence } from './answers.js'
import type { Channel } from './terminal.js'
import { textWidth, truncate } from './text-width.js'
import { wrap } from './wrap.js'

type Style = Pick<Channel, 'colors' | 'width'>

const ALTERNATIVES = 2
/** Alternatives that are right less often than one time in four only distract. */
const WORTH_SHOWING = 0.25

/** What a probability means in words. Steps at even odds, 3 to 1 and 9 to 1. */
export function confidence(score: number): string {
  if (score >= 0.9) return 'very likely'
  if (score >= 0.75) return 'likely'
  if (score >= 0.5) return 'plausible'
  return 'unlikely'
}

/** Two digits, and never a certainty that no estimate has. */
const probability = (score: number): string => (score < 0.01 ? '< 0.01' : Math.min(score, 0.99).toFixed(2))

/** `path:line:column`, which terminals of editors open on a click. */
function reference({ source, line, column }: LocatedSentence): string {
  const place = line === undefined ? '' : `:${line}:${column}`
  if (!isAbsolute(source)) return source + place
  const near = relative(process.cwd(), source)
  return (near === '' || near.startsWith(`..${sep}`) || isAbsolute(near) ? source : near) + place
}

/** The answer, where it stands, and what stands around it; or what came closest. */
export function renderAnswer({ found, answer, alternatives }: LocatedAnswer, style: Style): string[] {
  const { colors } = style
  if (!found || answer === undefined) {
    const nearest = alternatives.slice(0, ALTERNATIVES + 1)
    if (nearest.length === 0) return [colors.bold("I don't know: there is nothing to look in.")]
    return [colors.bold("I don't know.") + colors.dim(' This came closest:'), '', ...nearest.flatMap((sentence) => renderShort(sentence, style))]
  }
  return [...renderSentence(answer, style), '', ...renderSource(answer, style), ...renderPassage(answer, style), ...renderAlternatives(alternatives, style)]
}

/** The answer and its place only. */
export function renderBrief(located: LocatedAnswer, style: Style): string[] {
  const { answer } = located
  if (answer === undefined) return renderAnswer(located, style).map(indent)
  return [...renderSentence(answer, { ...style, width: style.width - 2 }), ...renderSource(answer, style)].map(indent)
}

const indent = (line: string) => (line === '' ? line : `  ${line}`)

const renderSentence = ({ answer }: LocatedSentence, { colors, width }: Style): string[] =>
  wrap([{ text: answer, paint: (text) => colors.bold(colors.green(text)) }], width)

function renderSource(sentence: LocatedSentence, { colors, width }: Style): string[] {
  const place = reference(sentence)
  return [colors.cyan(place) + colors.dim(headingsWithin(sentence, width - textWidth(place))), colors.dim(`${confidence(sentence.score)} · ${probability(sentence.score)}`)]
}

/** The headings behind what stands before them, if there is room for more than a stump. */
function headingsWithin({ passage: { headings } }: LocatedSentence, room: number): string {
  return headings.length === 0 || room < 12 ? '' : `  ${truncate(headings.join(' › '), room - 2)}`
}

/** The passage dimmed, the answer in it as it is. A passage that is the answer is not said twice. */
function renderPassage({ answer, passage: { text } }: LocatedSentence, { colors, width }: Style): string[] {
  const start = text.indexOf(answer)
  const before = text.slice(0, Math.max(0, start))
  const after = start < 0 ? text : text.slice(start + answer.length)
  if (before.trim() === '' && after.trim() === '') return []
  const spans = [
    { text: before, paint: colors.dim },
    { text: start < 0 ? '' : answer, paint: String },
    { text: after, paint: colors.dim },
  ]
  return ['', ...wrap(spans, width - 2).map((line) => `${colors.dim('│')} ${line}`)]
}

function renderAlternatives(alternatives: readonly LocatedSentence[], style: Style): string[] {
  const shown = alternatives.filter(({ score }) => score >= WORTH_SHOWING).slice(0, ALTERNATIVES)
  if (shown.length === 0) return []
  return ['', style.colors.dim('Or else:'), ...shown.flatMap((sentence) => renderShort(sentence, style))]
}

function renderShort(sentence: LocatedSentence, { colors, width }: Style): string[] {
  const place = `  ${reference(sentence)}`
  const score = `  ${probability(sentence.score)}`
  return [`  ${truncate(sentence.answer, width - 2)}`, colors.cyan(place) + colors.dim(score + headingsWithin(sentence, width - textWidth(place + score)))]
}
