/** What can be made, and what it is in a word or two. */
export const kinds = {
  backend: 'runs graphs: on a runtime, a device, a service',
  task: 'what users do with models: one factory, one function back',
  model: 'a family of architectures: emits the graph of a checkpoint',
  compressor: 'a pass that makes graphs smaller or faster',
  store: 'a place for the passages of a knowledge base',
} as const

export type Kind = keyof typeof kinds

export const kindNames = Object.keys(kinds) as readonly Kind[]

export const isKind = (text: string): text is Kind => Object.hasOwn(kinds, text)
