// How well the knowledge base finds and answers, on XQuAD in English and Chinese. Prints the tables of
// docs/decisions/0004-knowledge-base.md.
//
//   node bench/xquad.mjs [--data <folder with xquad.en.json and xquad.zh.json>] [--embedder <module>] [--calibrate]
//
// The folder may also be named by TENON_DATA. The module's default export makes an Embedder, to measure another model.
import { calibrate, close, embed, languages, paragraphsOf, percent, recalls, row } from './data.mjs'
import { knowledgeBase } from '@tenon/task-qa'

const context = { emit() {}, task: async () => embed, defer() {} }

async function baseOf(paragraphs) {
  const base = await knowledgeBase({ threshold: 0 }).create(context, {})
  await base.add(paragraphs.map(({ source, text }) => ({ source, text })))
  return base
}

/** Whether a question and a passage share at least a third of the question's longer words, or Chinese pairs of characters. */
function overlaps(question, text) {
  const words = question.toLowerCase().match(/[a-z]{5,}/g) ?? []
  const characters = [...question].filter((character) => /\p{sc=Han}/u.test(character))
  const pairs = characters.slice(1).map((character, index) => characters[index] + character)
  const terms = [...words, ...pairs]
  const lower = text.toLowerCase()
  return terms.length > 0 && terms.filter((term) => lower.includes(term)).length / terms.length >= 1 / 3
}

for (const language of languages) {
  const paragraphs = paragraphsOf(language)
  const questions = paragraphs.flatMap((paragraph) => paragraph.qas.map(({ question, answers }) => ({ paragraph, question, answer: answers[0] })))
  const contains = (sentence, { paragraph, answer }) =>
    sentence !== undefined && sentence.source === paragraph.source && sentence.start <= answer.answer_start && sentence.end >= answer.answer_start + answer.text.length
  const all = await baseOf(paragraphs)
  const { passages } = all.size
  console.log(`\n## ${language}: ${paragraphs.length} paragraphs, ${passages} passages, ${questions.length} questions\n`)

  const ranks = []
  for (const { paragraph, question } of questions) {
    const sources = [...new Set((await all.search(question, { topK: passages })).map(({ source }) => source))]
    ranks.push(sources.indexOf(paragraph.source) + 1)
  }
  row('paragraphs found', 'recall@1', 'recall@5', 'MRR')
  row('---', '---', '---', '---')
  row('fused', ...recalls(ranks))

  let right = 0
  let rightGivenParagraph = 0
  const answered = []
  for (const item of questions) {
    const answer = await all(item.question)
    answered.push({ item, score: answer.score, right: contains(answer, item), passage: answer.passage.text })
    if (contains(answer, item)) right++
    const every = await all(item.question, { topK: passages })
    if (contains([every, ...every.alternatives].find(({ source }) => source === item.paragraph.source), item)) rightGivenParagraph++
  }
  console.log()
  row('answer lies in the chosen sentence', '%')
  row('---', '---')
  row('the paragraph is known', percent(rightGivenParagraph, questions.length))
  row('end to end', percent(right, questions.length))

  // Questions whose article, or only whose paragraph, is not there: each is asked of the half without it.
  const unanswerable = []
  for (const [kind, half] of [['article absent', ({ article }) => Math.floor(article / 2) % 2], ['paragraph absent, article there', ({ index }) => index % 2]]) {
    const halves = [await baseOf(paragraphs.filter((paragraph) => half(paragraph) === 1)), await baseOf(paragraphs.filter((paragraph) => half(paragraph) === 0))]
    for (const item of questions) {
      const answer = await halves[half(item.paragraph)](item.question)
      unanswerable.push({ kind, item, score: answer.score, overlap: overlaps(item.question, answer.passage.text) })
    }
  }
  // The weights of the score were fitted on articles of even number.
  const heldOut = ({ item }) => item.paragraph.article % 2 === 1
  console.log('\nHeld-out articles:\n')
  row('threshold', 'answered', 'of these right', 'refused: article absent', 'refused: absent, words shared', 'refused: paragraph absent')
  row('---', '---', '---', '---', '---', '---')
  for (const threshold of [0.3, 0.4, 0.5, 0.6, 0.7]) {
    const there = answered.filter(heldOut)
    const found = there.filter(({ score }) => score >= threshold)
    const refused = (list) => `${percent(list.filter(({ score }) => score < threshold).length, list.length)} (${list.length})`
    const absent = unanswerable.filter(heldOut)
    row(
      threshold,
      `${percent(found.length, there.length)} (${there.length})`,
      percent(found.filter((answer) => answer.right).length, found.length),
      refused(absent.filter(({ kind }) => kind === 'article absent')),
      refused(absent.filter(({ kind, overlap }) => kind === 'article absent' && overlap)),
      refused(absent.filter(({ kind }) => kind !== 'article absent')),
    )
  }
  if (calibrate) {
    const logit = (score) => Math.log(score / (1 - score))
    const lines = [...answered.map((entry) => [1, entry]), ...unanswerable.map((entry) => [0, entry])].filter(([, entry]) => !heldOut(entry))
    console.log(JSON.stringify(lines.map(([label, { score, kind }]) => [label, logit(score), kind ?? 'there'])))
  }
}
await close()
