/**
 * A station that kills itself at one of its commits: right before it, or right after it and before anybody was told.
 * `node crashing-station.ts HOME IMAGE TARGET NUMBER before|after`; without a crash it ends with 0 and prints its commits.
 */
import { openStation } from '../../src/worker/station.ts'
import { isEnded } from '../../src/core/jobs/job-engine.ts'
import { quickRetryPolicy } from './bench.ts'

const [home = '', path = '', target = '', numberText = '', when = ''] = process.argv.slice(2)
const crashAt = Number(numberText)
let commits = 0

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

const station = openStation({
  home,
  emit: () => undefined,
  isSimulated: () => false,
  retryPolicy: quickRetryPolicy,
  onSnapshot: snapshot => {
    if (!isEnded(snapshot)) return
    // Its last commit follows; then there is nothing left to crash in.
    void station.close().then(() => {
      process.stdout.write(`${JSON.stringify({ commits })}\n`)
    })
  },
  beforeCommit: () => {
    commits++
    if (commits !== crashAt) return
    if (when === 'before') die()
    // Runs when this commit is done, before anything that waited for it.
    else queueMicrotask(die)
  },
})
const { firmwareId } = await station.firmware.open({ path })
await station.engine.start({ firmwareId, targets: [target], options: { chunkBytes: 4096 } })
