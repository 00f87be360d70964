// The entry of npm start, npm test and the other scripts: sets up what they need, then runs them.
// It has no dependencies, since it is what installs them.
import { install, installPeers, nodeProblem } from './install.mjs'
import { clearReports, countTests } from './reports.mjs'
import { inTurn, run, say, secondsSince, step } from './steps.mjs'

const nx = (target, ...options) => run('nx', ['run-many', `--targets=${target}`, '--output-style=static', ...options])

const build = (...projects) => {
  const what = projects.length > 0 ? `building ${projects} and what it depends on` : 'building the packages'
  const options = projects.map((project) => `--projects=${project}`)
  return step(what, 'nx', ['run-many', '--targets=build', '--output-style=static', ...options])
}

/** `npm start -- doctor` is `tenon doctor`; any other first word is a question. */
function tenonArguments(args) {
  if (args.length === 0) return ['start']
  return /^(ask|chat|complete|prepare|embed|export|inspect|doctor|start|help|-.*)$/.test(args[0]) ? args : ['ask', ...args]
}

const commands = {
  async start(args) {
    await build('@tenon/cli')
    const code = await run('node', ['packages/cli/dist/bin.js', ...tenonArguments(args)])
    // "I don't know" is an answer: npm shall not call it a failure.
    return code === 3 ? 0 : code
  },

  async test() {
    clearReports()
    const code = await inTurn(
      () => nx('test'),
      // Some of these pack what was built.
      () => nx('build'),
      () => run('vitest', ['run', '--dir', 'tools', '--no-isolate', '--maxWorkers=1']),
    )
    const { passed, failed } = countTests()
    say(`${passed} tests passed, ${failed} failed`)
    if (code !== 0 && failed === 0) say('the run itself failed, outside of the tests: see above')
    return code
  },

  async bench(args) {
    await build()
    await installPeers()
    return run('node', ['bench/main.mjs', ...args])
  },

  async build() {
    await build()
    return 0
  },

  docs: () => run('node', ['tools/docs.mjs']),

  async sizes() {
    await build()
    return run('node', ['tools/sizes.mjs'])
  },

  lint: (args) => run('oxlint', ['--deny-warnings', ...args]),

  typecheck: () =>
    inTurn(
      () => nx('typecheck'),
      () => run('tsc', ['--project', 'tools']),
    ),

  async check() {
    await build()
    return inTurn(
      () => run('node', ['tools/checks/packages.mjs']),
      () => run('node', ['tools/docs.mjs']),
      () => run('knip', []),
      () => run('sherif', []),
    )
  },

  /** Everything above that can fail, for .ci/run. */
  async ci() {
    const sum = { passed: 0, failed: 0 }
    process.stdout.write('=== install ===\n')
    if ((await attempt(install)) !== 0) return conclude({ passed: 0, failed: 1 })
    for (const name of ['test', 'lint', 'typecheck', 'check']) {
      process.stdout.write(`\n=== ${name} ===\n`)
      const began = performance.now()
      const code = await attempt(commands[name])
      say(`${name}: ${code === 0 ? 'passed' : 'failed'} in ${secondsSince(began)} s`)
      const counts = name === 'test' ? countTests() : { passed: code === 0 ? 1 : 0, failed: 0 }
      // A run can fail with no failed test in it, and every other section is one check of its own.
      if (code !== 0 && counts.failed === 0) counts.failed = 1
      sum.passed += counts.passed
      sum.failed += counts.failed
    }
    return conclude(sum)
  },
}

function conclude({ passed, failed }) {
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

function fail(reason) {
  say(reason)
  return 1
}

/** The exit code of a command; what it throws is said and counts as a failure. */
const attempt = (command, args = []) => Promise.resolve(args).then(command).catch((error) => fail(error.message))

async function main([name, ...args]) {
  const problem = nodeProblem()
  if (problem) return fail(problem)
  if (!Object.hasOwn(commands, name ?? '')) return fail(`say what to run: ${Object.keys(commands).join(', ')}`)
  const ready = name === 'ci' ? 0 : await attempt(install)
  return ready || attempt(commands[name], args)
}

process.exitCode = await main(process.argv.slice(2))
