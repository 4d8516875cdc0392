/**
 * Preloaded into a worker process: measures how much of its own processor time passes between two turns of a timer, so that
 * a busy machine does not count against it. SIGUSR2 begins anew; at its end it writes what it saw to FLASHPROOF_LOOP_REPORT.
 */
import { writeFileSync } from 'node:fs'
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopReport {
  /** Milliseconds of processor time that one turn of the loop took. */
  readonly turns: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }
  /** Milliseconds by which timers were late, the rest of the machine included. */
  readonly delay: { readonly p99Ms: number; readonly maxMs: number }
  /** The longest turns, each with when it ended, in milliseconds since the measurement began. */
  readonly longest: readonly { readonly atMs: number; readonly ms: number }[]
}

const reportPath = process.env['FLASHPROOF_LOOP_REPORT'] ?? ''
const turns = createHistogram()
const delay = monitorEventLoopDelay({ resolution: 1 })
let longest: { atMs: number; ms: number }[] = []
let beganMs = performance.now()
let before = cpuMicroseconds()

function cpuMicroseconds(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

function turn(): void {
  const now = cpuMicroseconds()
  const spent = now - before
  before = now
  turns.record(Math.max(1, Math.round(spent)))
  if (spent > 3000) longest.push({ atMs: Math.round(performance.now() - beganMs), ms: spent / 1000 })
}

const timer = setInterval(turn, 1)
timer.unref()
delay.enable()

process.on('SIGUSR2', () => {
  turns.reset()
  delay.reset()
  longest = []
  beganMs = performance.now()
  before = cpuMicroseconds()
})

process.on('exit', () => {
  if (reportPath === '') return
  const report: LoopReport = {
    turns: {
      count: Number(turns.count),
      p50Ms: turns.percentile(50) / 1000,
      p99Ms: turns.percentile(99) / 1000,
      maxMs: turns.max / 1000,
    },
    delay: { p99Ms: delay.percentile(99) / 1e6, maxMs: delay.max / 1e6 },
    longest: longest.toSorted((one, other) => other.ms - one.ms).slice(0, 20),
  }
  writeFileSync(reportPath, JSON.stringify(report))
})
