// npm run bench -- NAME [--json] …
const benchmarks = {
  encoder: { about: 'sentence embedding beside @huggingface/transformers, on the same weights', load: () => import('./encoder/encoder.mjs') },
  tokenization: { about: 'tokens a second beside both official tokenizers', load: () => import('./tokenization/tokenization.mjs') },
  export: { about: 'writing a checkpoint as ONNX, beside optimum', load: () => import('./export/export.mjs') },
  retrieval: { about: 'the nearest of 100,000 vectors, beside Orama and a plain scan', load: () => import('./retrieval/retrieval.mjs') },
}

const [name, ...args] = process.argv.slice(2)
const chosen = Object.hasOwn(benchmarks, name ?? '') ? benchmarks[name] : undefined
if (chosen === undefined) {
  const list = Object.entries(benchmarks).map(([each, { about }]) => `  npm run bench -- ${each.padEnd(10)} ${about}`)
  process.stderr.write(`${name === undefined ? 'Which benchmark?' : `There is no benchmark '${name}'.`}\n${list.join('\n')}\n`)
  process.exitCode = 2
} else {
  const { main } = await chosen.load()
  await main(args)
}
