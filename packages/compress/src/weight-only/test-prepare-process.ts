import { graphsOf, openModel } from './test-checkpoint.js'
import { weightOnly } from './weight-only.js'

// What another process runs: quantises the model in MODEL into the cache in TENON_CACHE, and prints what it was told and where weights lie.
const checkpoint = await openModel(process.env['MODEL']!)
const { pass, prepare } = weightOnly()
const told: string[] = []
let read = 0
const graphs = Object.fromEntries(Object.entries(graphsOf(checkpoint)).map(([role, graph]) => [role, pass({}, role).apply(graph)]))
const prepared = await prepare!(graphs, {}, {
  checkpoint,
  emit(event) {
    if (event.type === 'notice') told.push(event.code)
    if (event.type !== 'progress') return
    if (process.env['SLOWLY'] === '1' && event.done === 0) console.log('began')
    read = event.done
  },
})
console.log(JSON.stringify({ told, read, files: [...new Set([...prepared['decoder']!.constants.values()].map(({ file }) => file?.path))] }))
await checkpoint[Symbol.asyncDispose]()
