/** How close a question is to a sentence and to the passage around it. All are between 0 and 1, cosines rarely below 0. */
export interface Closeness {
  /** Cosine of the question's and the sentence's embeddings. */
  readonly sentenceCosine: number
  /** Share of the question's words, weighted by rarity, that the sentence has. */
  readonly sentenceCoverage: number
  readonly passageCosine: number
  readonly passageCoverage: number
}

/**
 * How likely the sentence answers, as a logistic regression of the four. Fitted on questions of XQuAD in English and
 * Chinese with all-MiniLM-L6-v2, even articles, with the article or the paragraph that answers present or taken away
 * in equal parts; rounded to whole numbers. Figures on the odd articles: docs/decisions/0004-knowledge-base.md.
 */
export function answerScore({ sentenceCosine, sentenceCoverage, passageCosine, passageCoverage }: Closeness): number {
  return 1 / (1 + Math.exp(-(5 * sentenceCosine + 6 * sentenceCoverage + 2 * passageCosine + 7 * passageCoverage - 9.4)))
}
