/** Kills a station at chosen commits of one job on a board of its own, and goes on with the job in another process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isEnded } from '../../src/core/jobs/job-engine.ts'
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import { instantTimes, startVirtualEsp32 } from '../../src/simulator/virtual-esp32.ts'
import { openStation } from '../../src/worker/station.ts'
import { demoImage, quickRetryPolicy } from './bench.ts'
import { IMAGE_NAME, judgeHome } from './kill-bench.ts'

const crashingPath = fileURLToPath(new URL('./crashing-station.ts', import.meta.url))

export type CrashTime = 'before' | 'after'

export interface CrashOutcome {
  /** Whether the station was killed; false when the job needed fewer commits. */
  readonly hasCrashed: boolean
  /** State that the journal held; null when it held no job yet. */
  readonly journaledState: string | null
  readonly faults: readonly string[]
}

/** @param commit which commit, from 1 */
export async function crashAtCommit(commit: number, when: CrashTime): Promise<CrashOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-crash-'))
  const home = join(folder, 'home')
  const flashFolder = join(folder, 'board')
  const image = demoImage(24 * 1024)
  const imagePath = join(folder, IMAGE_NAME)
  writeFileSync(imagePath, image)
  const device = await startVirtualEsp32({ ...instantTimes, apply: 'none', flashDir: flashFolder })
  const board = { target: device.target, flashFolder }
  try {
    const words = [crashingPath, home, imagePath, device.target, String(commit), when]
    const child = spawn(process.execPath, words, { stdio: 'ignore' })
    await once(child, 'exit')
    const hasCrashed = child.signalCode === 'SIGKILL'
    const { job, lies } = judgeHome(home, 'station', board, image)
    const faults = [...lies]
    if (!hasCrashed && child.exitCode !== 0) faults.push(`the station ended with ${String(child.exitCode)}`)
    if (job !== null) faults.push(...(await goOn(home)))
    const after = judgeHome(home, 'station', board, image)
    faults.push(...after.lies)
    if (job !== null && after.job?.snapshot.verdict !== 'proven') {
      faults.push(`in the end the job is ${JSON.stringify(after.job?.snapshot)}`)
    }
    const stored = device.flash.readTarget(IMAGE_NAME)
    if (job !== null && (stored === null || Buffer.compare(stored, image) !== 0))
      faults.push('the board lacks the image')
    return { hasCrashed, journaledState: job?.snapshot.state ?? null, faults }
  } finally {
    await device.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Resumes what is there; @returns what is wrong with how it went */
async function goOn(home: string): Promise<string[]> {
  const ended = new Map<string, JobSnapshot>()
  let wake = (): void => undefined
  const station = openStation({
    home,
    emit: () => undefined,
    isSimulated: () => false,
    retryPolicy: quickRetryPolicy,
    onSnapshot: snapshot => {
      if (isEnded(snapshot)) ended.set(snapshot.jobId, snapshot)
      wake()
    },
  })
  try {
    const { jobIds } = await station.engine.resume({})
    while (jobIds.some(jobId => !ended.has(jobId))) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return [...ended.values()]
      .filter(job => job.verdict !== 'proven')
      .map(job => `resumed to ${JSON.stringify(job.error)}`)
  } finally {
    await station.close()
  }
}
