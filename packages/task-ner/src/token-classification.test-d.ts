import { createRuntime } from '@tenon/core'
import { tokenClassification, type AggregationStrategy, type ClassifiedToken, type EntityGroup } from './index.js'

const runtime = createRuntime({ plugins: [tokenClassification()] })
const classify = await runtime.task('token-classification', { model: 'a', maxLength: 128 })
declare const strategy: AggregationStrategy

export const tokens: ClassifiedToken[] = await classify('a')
export const tokensOfEach: ClassifiedToken[][] = await classify(['a', 'b'], { ignoreLabels: [] })
export const raw: ClassifiedToken[] = await classify('a', { aggregationStrategy: 'none' })
export const groups: EntityGroup[] = await classify('a', { aggregationStrategy: 'simple', stride: 16 })
export const groupsOfEach: EntityGroup[][] = await classify(['a', 'b'], { aggregationStrategy: 'max', signal: new AbortController().signal })
export const either: (ClassifiedToken | EntityGroup)[] = await classify('a', { aggregationStrategy: strategy })

// @ts-expect-error one text has one list
export const nested: ClassifiedToken[][] = await classify('a')
// @ts-expect-error tokens belong to no group
export const group: string | undefined = (await classify('a'))[0]?.entity_group
// @ts-expect-error a group has no index
export const index: number | undefined = (await classify('a', { aggregationStrategy: 'first' }))[0]?.index
// @ts-expect-error a strategy that does not exist
await classify('a', { aggregationStrategy: 'mean' })
// @ts-expect-error of a call, not of the task
await runtime.task('token-classification', { model: 'a', aggregationStrategy: 'simple' })
