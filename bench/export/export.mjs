import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { goal, goalTable, machine, table } from '../report.mjs'
import { median } from '../statistics.mjs'
import { prepareCheckpoint } from './checkpoint.mjs'

export const options = {}

const python = process.env.TENON_PYTHON ?? 'python3'
const script = (name) => fileURLToPath(new URL(name, import.meta.url))
const run = promisify(execFile)

const contenders = {
  tenon: (folder, to) => [process.execPath, script('run-tenon.mjs'), folder, to],
  'tenon, linked': (folder, to) => [process.execPath, script('run-tenon.mjs'), folder, to, 'link'],
  optimum: (folder, to) => [python, script('run_optimum.py'), folder, to],
}

/** TENON_PYTHON is a Python that has optimum with its ONNX exporter; without one only Tenon is measured. */
export async function measure({ quick }, say) {
  const times = quick ? 3 : 5
  const folder = await prepareCheckpoint(say)
  const versions = optimumVersions()
  if (versions === undefined) say(`skipping optimum, since '${python}' cannot import its exporter: set TENON_PYTHON to one that can`)
  const sides = Object.keys(contenders).filter((side) => side !== 'optimum' || versions !== undefined)

  const samples = Object.fromEntries(sides.map((side) => [side, []]))
  for (let time = 0; time < times; time++) {
    for (const side of sides) {
      say(`${side}: ${time + 1} of ${times}`)
      samples[side].push(await exportOnce(contenders[side], folder))
    }
  }
  const medians = Object.fromEntries(sides.map((side) => [side, { seconds: median(samples[side].map(({ seconds }) => seconds)), peakMB: median(samples[side].map(({ peakMB }) => peakMB)) }]))
  return { benchmark: 'export', machine: machine(), versions: versions ?? {}, model: 'BERT-base, float32, 438 MB', medians, goals: judge(medians) }
}

/** One export in a fresh process, from its start to its end: importing is part of what a user waits for. */
async function exportOnce(command, folder) {
  // On the disk of the checkpoint: another one could not share its files.
  const target = await mkdtemp(join(dirname(folder), 'exported-'))
  try {
    const [program, ...args] = command(folder, join(target, 'model'))
    const began = performance.now()
    const { stdout } = await run(program, args, { env: { ...process.env, HF_HUB_OFFLINE: '1', CUDA_VISIBLE_DEVICES: '' }, maxBuffer: 2 ** 26 })
    const seconds = (performance.now() - began) / 1000
    return { seconds, peakMB: JSON.parse(stdout).peakKilobytes / 1024 }
  } finally {
    await rm(target, { recursive: true, force: true })
  }
}

function optimumVersions() {
  const names = ['optimum', 'transformers', 'torch', 'onnx']
  const { status, stdout } = spawnSync(python, ['-c', `import json, importlib.metadata as m, optimum.exporters.onnx; print(json.dumps({n: m.version(n) for n in ${JSON.stringify(names)}}))`], { encoding: 'utf8' })
  return status === 0 ? JSON.parse(stdout.trim().split('\n').at(-1)) : undefined
}

function judge({ optimum, ...ours }) {
  if (optimum === undefined) return []
  return Object.entries(ours).flatMap(([side, { seconds, peakMB }]) => [
    goal(`${side}, times as fast as optimum`, optimum.seconds / seconds, 3, 'higher'),
    goal(`${side}, peak memory, share of optimum's`, peakMB / optimum.peakMB, 0.5, 'lower'),
  ])
}

export function render({ medians, goals, machine: host, versions, model }) {
  const rows = Object.entries(medians).map(([side, { seconds, peakMB }]) => [side, seconds.toFixed(2), peakMB.toFixed(0)])
  const about = `${model}; ${host.cpu}, ${host.cores} cores, Node ${host.node}; ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`
  return `\n${table(['medians', 'seconds', 'peak MB'], rows)}\n${goals.length > 0 ? `\n${goalTable(goals)}\n` : ''}\n${about}\n`
}
