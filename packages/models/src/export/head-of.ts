import { InvalidFileError, InvalidOptionError, nearest, type ModelConfig } from '@tenon/core'

/** How `transformers` ends the class names of each head; the first of a head is the one written. */
const endings: readonly (readonly [ending: string, head: string])[] = [
  ['Model', 'base'],
  ['ForMaskedLM', 'masked-lm'],
  ['ForNextSentencePrediction', 'next-sentence'],
  ['ForPreTraining', 'pretraining'],
  ['ForSequenceClassification', 'sequence-classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForQuestionAnswering', 'question-answering'],
  ['ForMultipleChoice', 'multiple-choice'],
  ['ForCausalLM', 'causal-lm'],
  ['LMHeadModel', 'causal-lm'], // GPT-2's
]

/** The tasks of the Hugging Face Hub, by the names of its pipelines. */
const tasks: Readonly<Record<string, string>> = {
  'feature-extraction': 'base',
  'sentence-similarity': 'base',
  'fill-mask': 'masked-lm',
  'text-generation': 'causal-lm',
  'text-classification': 'sequence-classification',
  'sentiment-analysis': 'sequence-classification',
  'zero-shot-classification': 'sequence-classification',
  'text-ranking': 'sequence-classification',
  'token-classification': 'token-classification',
  ner: 'token-classification',
  'question-answering': 'question-answering',
  'multiple-choice': 'multiple-choice',
}

/** Splits `'BertForMaskedLM'`; longer endings first, since every name may end in `'Model'`. */
function split(architecture: string): { readonly family: string; readonly head: string } | undefined {
  const found = endings.toSorted(([a], [b]) => b.length - a.length).find(([ending]) => architecture.endsWith(ending))
  return found === undefined ? undefined : { family: architecture.slice(0, -found[0].length), head: found[1] }
}

function architectureOf({ architectures }: ModelConfig): string | undefined {
  const first: unknown = Array.isArray(architectures) ? architectures[0] : undefined
  return typeof first === 'string' ? first : undefined
}

/**
 * The head a checkpoint is meant to be used with: that of a task where one is named, else that of the class which its
 * config names, `'BertForMaskedLM'` → `'masked-lm'`; `'base'` where it names none.
 * @throws InvalidOptionError for a task that is not known.
 * @throws InvalidFileError for a class that is not known.
 * @example
 * const { model } = await bert().build(checkpoint, { head: headOf(checkpoint.config, 'fill-mask') })
 */
export function headOf(config: ModelConfig, task?: string): string {
  if (task !== undefined) {
    if (Object.hasOwn(tasks, task)) return tasks[task]!
    const known = Object.keys(tasks)
    const close = nearest(task, known)
    throw new InvalidOptionError({ where: 'headOf', option: 'task', problem: `is '${task}', which no head is known for`, remedy: `${close === undefined ? '' : `Did you mean '${close}'? `}Known are: ${known.join(', ')}` })
  }
  const architecture = architectureOf(config)
  if (architecture === undefined) return 'base'
  const known = split(architecture)
  if (known !== undefined) return known.head
  throw new InvalidFileError({ path: 'config.json', problem: `names the architecture '${architecture}', which tells no head`, remedy: `Name the head or the task; known are classes that end in ${endings.map(([ending]) => ending).join(', ')}` })
}

/** The class to name in the config of a model with this head: what it is, and not what it was made from. */
export function architectureWith(head: string, config: ModelConfig): string | undefined {
  const architecture = architectureOf(config)
  const { family, head: own } = (architecture === undefined ? undefined : split(architecture)) ?? {}
  if (own === head) return architecture
  const ending = endings.find(([, each]) => each === head)?.[0]
  return family === undefined || ending === undefined ? architecture : family + ending
}
