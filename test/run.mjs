/**
 * Runs the tests and says at the very end how many passed: `N passed, N failed`, with `, N skipped` when some were.
 * Plain JavaScript, so that it can say what is wrong even on a Node that cannot run the sources.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const NEEDED_NODE = 'v24'
const root = fileURLToPath(new URL('..', import.meta.url))

process.exitCode = await main(process.argv.slice(2))

/** @param {string[]} argv `--soak` for the long tests; all else goes to Vitest, such as a folder or `-t NAME` */
async function main(argv) {
  if (!process.version.startsWith(`${NEEDED_NODE}.`)) {
    process.stderr.write(
      `The tests need Node ${NEEDED_NODE.slice(1)}, this is ${process.version} (${process.execPath}).\n` +
        'Start them with “npm test”: npm puts the Node of the package “node” first. If that is what was done, its install\n' +
        'script did not run: do “npm ci” again without --ignore-scripts.\n',
    )
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-test-'))
  try {
    const reportPath = join(folder, 'report.json')
    const exitCode = await runVitest(argv, reportPath)
    const counts = readCounts(reportPath)
    return printClosingLine(exitCode, counts)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs Vitest with its usual output on our stdout. Resolves to its exit code. */
function runVitest(argv, reportPath) {
  const isSoak = argv.includes('--soak')
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const child = spawn(
    process.execPath,
    [
      vitest,
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportPath}`,
      ...argv.filter(argument => argument !== '--soak'),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...(isSoak ? { FLASHPROOF_SOAK: '1' } : {}) },
    },
  )
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (signal !== null) process.stderr.write(`Vitest was ended by ${signal}.\n`)
      resolve(code ?? 1)
    })
  })
}

/** Counts tests, and as one failed test each file that could not even be loaded. Null where there is no report. */
function readCounts(reportPath) {
  let report
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8'))
  } catch {
    return null
  }
  const counts = { passed: 0, failed: 0, skipped: [] }
  for (const file of report.testResults) {
    const hasFailedTest = file.assertionResults.some(test => test.status === 'failed')
    if (file.status === 'failed' && !hasFailedTest) counts.failed++
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') counts.passed++
      else if (status === 'failed') counts.failed++
      else counts.skipped.push(`${relative(root, file.name)}: ${fullName}`)
    }
  }
  return counts
}

/** Prints the closing line. Returns the exit code: a run that tested nothing or ended badly is no success. */
function printClosingLine(exitCode, counts) {
  if (counts === null) {
    process.stdout.write('Vitest left no report.\n0 passed, 1 failed\n')
    return exitCode || 1
  }
  // An error outside any test, such as an unhandled rejection, fails the run although every test passed.
  const failed = counts.failed === 0 && exitCode !== 0 ? 1 : counts.failed
  if (failed > counts.failed) process.stdout.write('The run failed outside the tests; see above.\n')
  for (const name of counts.skipped) process.stdout.write(`skipped ${name}\n`)
  const skipped = counts.skipped.length > 0 ? `, ${String(counts.skipped.length)} skipped` : ''
  process.stdout.write(`${String(counts.passed)} passed, ${String(failed)} failed${skipped}\n`)
  return failed > 0 || counts.passed === 0 ? exitCode || 1 : 0
}
