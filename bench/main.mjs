// npm run bench -- NAME [--json] [--quick] …
import { parseArgs } from 'node:util'

/** Each measures and returns its figures, and draws them as tables. */
const parts = {
  embedding: { about: 'sentence embedding beside @huggingface/transformers, on the same weights', load: () => import('./encoder/encoder.mjs') },
  tokenization: { about: 'megabytes a second beside both official tokenizers', load: () => import('./tokenization/tokenization.mjs') },
  export: { about: 'writing a checkpoint as ONNX beside optimum, where TENON_PYTHON has it', load: () => import('./export/export.mjs') },
  backends: { about: 'the same graphs on each backend, what its interpreter adds, and a gradient step', load: () => import('./backends/backends.mjs') },
  decoder: { about: 'tokens a second beside llama.cpp and @huggingface/transformers, on weights of the same shape', load: () => import('./decoder/decoder.mjs') },
  retrieval: { about: 'the nearest of 100,000 vectors beside Orama and a plain scan', load: () => import('./retrieval/retrieval.mjs') },
}

/** Several in turn, under one name. */
const groups = { encoder: ['embedding', 'tokenization', 'export', 'retrieval'] }

const shared = { json: { type: 'boolean', about: 'print the figures as JSON, and nothing else' }, quick: { type: 'boolean', about: 'fewer repetitions, and fewer vectors' }, help: { type: 'boolean', about: 'print this' } }

function overview() {
  const list = [...Object.entries(groups).map(([name, members]) => [name, `${members.join(', ')}, one after another`]), ...Object.entries(parts).map(([name, { about }]) => [name, about])]
  return list.map(([name, about]) => `  npm run bench -- ${name.padEnd(13)} ${about}`).join('\n')
}

function usage(name, options) {
  const lines = Object.entries(options).map(([option, { type, about }]) => `  --${`${option}${type === 'string' ? ' …' : ''}`.padEnd(12)} ${about}`)
  return `npm run bench -- ${name} [options]\n\n${lines.join('\n')}\n`
}

async function main([name = '', ...args]) {
  const names = Object.hasOwn(groups, name) ? groups[name] : Object.hasOwn(parts, name) ? [name] : undefined
  if (names === undefined) {
    process.stderr.write(`${name === '' ? 'Which benchmark?' : `There is no benchmark '${name}'.`}\n${overview()}\n`)
    return 2
  }
  const modules = await Promise.all(names.map(async (each) => [each, await parts[each].load()]))
  const options = Object.assign({ ...shared }, ...modules.map(([, module]) => module.options))
  const { values } = parseArgs({ args, options })
  if (values.help) {
    process.stdout.write(usage(name, options))
    return 0
  }
  const reports = {}
  for (const [each, { measure, render }] of modules) {
    reports[each] = await measure(values, (message) => process.stderr.write(`bench ${each}: ${message}\n`))
    if (!values.json) process.stdout.write(render(reports[each]))
  }
  if (values.json) {
    const whole = names.length === 1 ? reports[names[0]] : { benchmark: name, goals: Object.values(reports).flatMap(({ goals }) => goals), parts: reports }
    process.stdout.write(`${JSON.stringify(whole, undefined, 2)}\n`)
  }
  return 0
}

process.exitCode = await main(process.argv.slice(2))
