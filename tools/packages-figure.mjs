// Draws docs/packages.svg from the packages' manifests: their layers, and what each is for.
//   node tools/packages-figure.mjs [--print]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)

/** What stands under a name, where the package's description is too long for a box. */
const captions = {
  core: 'contracts, createRuntime, errors; no dependency',
  graph: 'ONNX semantics: ops, passes, .onnx',
  checkpoint: 'folders, hub, safetensors, GGUF',
  generation: 'cache, sampling, streams',
  models: 'one readable file per family; export',
  compress: 'passes: graph in, smaller graph out',
  train: 'losses, AdamW: a step is one graph',
  'backend-onnx': 'graphs on ONNX Runtime',
  'backend-tfjs-gpu': 'graphs on TensorFlow.js kernels',
  'task-embedding': 'texts to vectors',
  'task-codegen': 'code that goes on',
  'task-text-generation': 'chat, and text that goes on',
  'task-qa': 'answers from documents',
  'task-classify': 'labels of texts',
  'task-ner': 'entities in texts',
  'task-fill-mask': 'words for a mask',
  'task-rerank': 'documents in order',
  'store-postgres': 'passages in Postgres',
  'model-all-minilm-l6-v2': 'a model, with no network',
  testing: 'suites for plugins',
  'create-tenon-plugin': 'a plugin of your own',
  cli: 'tenon complete · chat · ask · embed · …',
}

const WIDTH = 1000
const BOX = { height: 52, gap: 14, widest: 300 }
const ROW = 70
const LEFT = 56
const PER_ROW = 5

/** Packages by layer, the highest layer first, a row for each and two for those that are many. */
function rows() {
  const folder = new URL('packages/', root)
  const packages = readdirSync(folder).map((name) => {
    const { tenon, dependencies = {} } = JSON.parse(readFileSync(new URL(`${name}/package.json`, folder), 'utf8'))
    return { name, layer: tenon.layer, uses: Object.keys(dependencies).filter((each) => each.startsWith('@tenon/')).map((each) => each.slice('@tenon/'.length)) }
  })
  const layers = [...new Set(packages.map(({ layer }) => layer))].toSorted((a, b) => b - a)
  return layers.flatMap((layer) => {
    const own = packages.filter((each) => each.layer === layer)
    const count = Math.ceil(own.length / PER_ROW)
    const size = Math.ceil(own.length / count)
    return Array.from({ length: count }, (_, row) => ({ layer, first: row === 0, packages: own.slice(row * size, (row + 1) * size) }))
  })
}

function figure() {
  const all = rows()
  const height = all.length * ROW + 48
  const bands = []
  const boxes = []
  for (const [index, { layer, first, packages }] of all.entries()) {
    const y = 18 + index * ROW
    const span = all.filter((row) => row.layer === layer).length
    if (first) bands.push(`<rect class="layer" x="${LEFT - 10}" y="${y - 9}" width="${WIDTH - LEFT}" height="${span * ROW - 4}" rx="8"/><text class="level" x="30" y="${y + (span * ROW) / 2 - 6}">${layer}</text>`)
    const room = WIDTH - LEFT - 20
    const width = Math.min(layer === 0 ? room : BOX.widest, (room - BOX.gap * (packages.length - 1)) / packages.length)
    const start = LEFT + (room - packages.length * width - (packages.length - 1) * BOX.gap) / 2
    for (const [column, { name, uses }] of packages.entries()) {
      const x = start + column * (width + BOX.gap)
      const title = uses.length === 0 ? 'depends on nothing' : `depends on ${uses.join(', ')}`
      boxes.push(
        `<g><title>${name} ${title}</title><rect class="box" x="${x.toFixed(0)}" y="${y}" width="${width.toFixed(0)}" height="${BOX.height}" rx="6"/><text class="name"${name.length > 18 ? ' font-size="12"' : ''} x="${(x + width / 2).toFixed(0)}" y="${y + 22}">${name}</text><text class="what" x="${(x + width / 2).toFixed(0)}" y="${y + 40}">${captions[name] ?? ''}</text></g>`,
      )
    }
  }
  const foot = height - 14
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="15" role="img" aria-label="The packages in their layers">
  <title>The packages in their layers: each depends only on layers below its own</title>
  <style>
    .layer { fill: #eadfcd; }
    .box { fill: #fdfaf3; stroke: #a9793f; stroke-width: 1.5; }
    .name { fill: #3b2a17; font-weight: 600; text-anchor: middle; }
    .what { fill: #6b5844; font-size: 12px; text-anchor: middle; }
    .level { fill: #8a7356; font-size: 14px; font-weight: 600; text-anchor: middle; }
    .arrow { stroke: #a9793f; stroke-width: 2; fill: none; marker-end: url(#tip); }
  </style>
  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8z" fill="#a9793f"/></marker></defs>
  <rect width="${WIDTH}" height="${height}" rx="10" fill="#f4ecdf"/>
  ${bands.join('\n  ')}
  ${boxes.join('\n  ')}
  <path class="arrow" d="M14 20V${height - 40}"/>
  <text class="what" x="${WIDTH / 2}" y="${foot}">A package depends only on layers below its own; those of one layer never on one another.</text>
</svg>
`
}

if (process.argv[2] === '--print') process.stdout.write(figure())
else writeFileSync(new URL('docs/packages.svg', root), figure())
