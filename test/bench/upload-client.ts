/** One client in a process of its own: sends the same chunks to the bare board by one way, and reports time and CPU. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Client } from 'undici'
import { openStation } from '../../src/worker/station.ts'

export interface UploadTask {
  readonly way: 'fetch' | 'undici' | 'flashproof'
  readonly port: number
  readonly devices: number
  readonly imageBytes: number
  readonly chunkBytes: number
}

export interface UploadFigures {
  readonly wallMs: number
  readonly cpuMs: number
  readonly loopDelayP99Ms: number
  readonly peakMemoryBytes: number
}

/** Bytes without a pattern of any format, so that they go as they are. */
function makeImage(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = 12345
  for (let index = 0; index < sizeBytes; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

async function byFetch(task: UploadTask, image: Uint8Array<ArrayBuffer>, device: number): Promise<void> {
  const base = `http://127.0.0.1:${String(task.port)}/d${String(device)}`
  for (let index = 0; index * task.chunkBytes < image.length; index++) {
    const body = image.subarray(index * task.chunkBytes, (index + 1) * task.chunkBytes)
    const answer = await fetch(`${base}/upload/chunk/app.bin/${String(index)}`, { method: 'POST', body })
    assertSuccess(await answer.text())
  }
}

async function byUndici(task: UploadTask, image: Uint8Array, device: number): Promise<void> {
  const client = new Client(`http://127.0.0.1:${String(task.port)}`)
  for (let index = 0; index * task.chunkBytes < image.length; index++) {
    const body = image.subarray(index * task.chunkBytes, (index + 1) * task.chunkBytes)
    const path = `/d${String(device)}/upload/chunk/app.bin/${String(index)}`
    const answer = await client.request({ method: 'POST', path, body })
    assertSuccess(await answer.body.text())
  }
  await client.close()
}

function assertSuccess(text: string): void {
  const answer: unknown = JSON.parse(text)
  const isSuccess = typeof answer === 'object' && answer !== null && 'success' in answer && answer.success === true
  if (!isSuccess) throw new Error(text)
}

interface Work {
  run(): Promise<void>
  /** Outside the clock. */
  cleanUp(): Promise<void>
}

/** The whole engine: jobs, journal, ledger, snapshots. The image is opened before the clock starts, as on a bench. */
async function prepareFlashproof(task: UploadTask, image: Uint8Array): Promise<Work> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  const waiting = new Set<string>()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  let failures = 0
  const station = openStation({
    home,
    emit: () => undefined,
    isSimulated: () => false,
    onSnapshot: snapshot => {
      if (snapshot.state === 'failed' || snapshot.state === 'interrupted') failures++
      if (snapshot.endedAt !== null && waiting.delete(snapshot.jobId) && waiting.size === 0) resolve(undefined)
    },
  })
  const path = join(home, 'app.bin')
  writeFileSync(path, image)
  const { firmwareId } = await station.firmware.open({ path })
  return {
    async run() {
      const targets = Array.from(
        { length: task.devices },
        (_, device) => `http://127.0.0.1:${String(task.port)}/d${String(device)}`,
      )
      const options = { chunkBytes: task.chunkBytes, pauseMs: 0 }
      const order = { firmwareId, targets, options, protocol: 'esp-parts', parallel: 1024 }
      const { jobIds } = await station.engine.start(order)
      for (const jobId of jobIds) waiting.add(jobId)
      await promise
      if (failures > 0) throw new Error(`${String(failures)} jobs failed`)
    },
    async cleanUp() {
      await station.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function measure(task: UploadTask): Promise<UploadFigures> {
  const image = new Uint8Array(makeImage(task.imageBytes))
  const each = task.way === 'fetch' ? byFetch : byUndici
  const work: Work =
    task.way === 'flashproof'
      ? await prepareFlashproof(task, image)
      : {
          async run() {
            await Promise.all(Array.from({ length: task.devices }, (_, device) => each(task, image, device)))
          },
          cleanUp: () => Promise.resolve(),
        }
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await work.run()
  const wallMs = performance.now() - startedMs
  const used = process.cpuUsage(cpu)
  delay.disable()
  await work.cleanUp()
  return {
    wallMs,
    cpuMs: (used.user + used.system) / 1000,
    // The histogram counts its own 5 ms timer; what is over it is the delay.
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 5),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  }
}

process.once('message', message => {
  // The bench's own parent sends exactly an UploadTask.
  void measure(message as UploadTask).then(
    figures => {
      process.send?.(figures, () => process.exit(0))
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
