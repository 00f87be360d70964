/** A label, and how well it fits. */
export interface Classification {
  readonly label: string
  readonly score: number
}

/** Labels and their scores, the best first; those of equal score in the order of the labels. */
export function best(labels: readonly string[], scores: readonly number[], count = labels.length): Classification[] {
  return labels.map((label, index) => ({ label, score: scores[index]! })).toSorted((a, b) => b.score - a.score).slice(0, count)
}

/** Each by itself, between 0 and 1. */
export const sigmoid = (logits: readonly number[]): number[] => logits.map((logit) => 1 / (1 + Math.exp(-logit)))

/** Shares of 1. */
export function softmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits) // so that nothing overflows
  const powers = logits.map((logit) => Math.exp(logit - highest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}
