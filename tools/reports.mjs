import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

/** Where vitest writes its report: one for the repository's own tests and one for each package. */
const files = () =>
  ['.', ...readdirSync(join(root, 'packages')).map((name) => join('packages', name))].map((folder) =>
    join(root, folder, '.reports', 'vitest.json'),
  )

/** Removes the last run's reports, so that a run that crashes cannot be counted by them. nx restores those it has cached. */
export function clearReports() {
  for (const file of files()) rmSync(file, { force: true })
}

/** How many tests passed and failed in all; a test file that could not run at all counts as one failure. */
export function countTests() {
  let passed = 0
  let failed = 0
  for (const file of files().filter(existsSync)) {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    passed += report.numPassedTests
    failed += report.numFailedTests
    failed += report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0).length
  }
  return { passed, failed }
}
