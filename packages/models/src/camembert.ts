import type { Model } from '@tenon/core'
import { roberta } from './roberta.js'

/** CamemBERT (Martin et al. 2020): RoBERTa, trained on French. */
export const camembert = (): Model<'camembert'> => roberta('camembert')
