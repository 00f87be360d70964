import type { Model } from '@tenon/core'
import { roberta } from './roberta.js'

/** XLM-RoBERTa (Conneau et al. 2020): RoBERTa, trained on a hundred languages. */
export const xlmRoberta = (): Model<'xlm-roberta'> => roberta('xlm-roberta')
