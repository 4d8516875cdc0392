/** Upload figures: one device, 256 devices, and 256 devices that need time for each chunk. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { median, ratioRow, row, type BenchRow } from './table.ts'
import type { UploadFigures, UploadTask } from './upload-client.ts'

const MIB = 1024 * 1024
const CHUNK_BYTES = 4096

async function startServer(answerAfterMs: number): Promise<{ port: number; child: ChildProcess }> {
  const child = fork(new URL('./chunk-server.ts', import.meta.url), [String(answerAfterMs)])
  const [message] = (await once(child, 'message')) as [{ port: number }]
  return { port: message.port, child }
}

async function runClient(task: UploadTask): Promise<UploadFigures> {
  const child = fork(new URL('./upload-client.ts', import.meta.url))
  child.send(task)
  const [figures] = (await once(child, 'message')) as [UploadFigures]
  return figures
}

async function compare(
  ways: readonly UploadTask['way'][],
  task: Omit<UploadTask, 'way'>,
  rounds: number,
): Promise<Map<UploadTask['way'], UploadFigures[]>> {
  const figures = new Map<UploadTask['way'], UploadFigures[]>(ways.map(way => [way, []]))
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) figures.get(way)?.push(await runClient({ ...task, way }))
  }
  return figures
}

/** Medians of the per-round ratios. */
function ratios(ours: readonly UploadFigures[], theirs: readonly UploadFigures[]): number {
  return median(ours.map((figure, index) => (theirs[index]?.wallMs ?? Number.NaN) / figure.wallMs))
}

export async function benchUpload(rounds: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const prompt = await startServer(0)
  try {
    const one = { port: prompt.port, devices: 1, imageBytes: 16 * MIB, chunkBytes: CHUNK_BYTES }
    const single = await compare(['flashproof', 'fetch', 'undici'], one, rounds)
    const ours = single.get('flashproof') ?? []
    const chunks = one.imageBytes / CHUNK_BYTES
    const perSecond = median(ours.map(figure => chunks / (figure.wallMs / 1000)))
    rows.push(row('one device, 4 KiB chunks, journal on', 'reported', `${perSecond.toFixed(0)} chunks/s`))
    rows.push(ratioRow('… against fetch', 2, ratios(ours, single.get('fetch') ?? [])))
    rows.push(ratioRow('… against bare undici', 0.8, ratios(ours, single.get('undici') ?? [])))

    const many = { port: prompt.port, devices: 256, imageBytes: MIB, chunkBytes: CHUNK_BYTES }
    const fleet = await compare(['flashproof', 'fetch'], many, Math.min(rounds, 3))
    const fleetOurs = fleet.get('flashproof') ?? []
    rows.push(ratioRow('256 devices, one request each, against fetch', 6, ratios(fleetOurs, fleet.get('fetch') ?? [])))
    const cpuPerMib = median(fleetOurs.map(figure => figure.cpuMs / 256))
    rows.push(row('… engine CPU', '≤ 5 ms/MiB', `${cpuPerMib.toFixed(2)} ms/MiB`, cpuPerMib <= 5))
    const delayMs = median(fleetOurs.map(figure => figure.loopDelayP99Ms))
    rows.push(row('… event-loop delay p99', '< 20 ms', `${delayMs.toFixed(1)} ms`, delayMs < 20))
    const large = { port: prompt.port, devices: 32, imageBytes: 16 * MIB, chunkBytes: 16_384 }
    const half = await runClient({ ...large, way: 'flashproof', devices: 8 })
    const whole = await runClient({ ...large, way: 'flashproof' })
    const perDeviceMib = (whole.peakMemoryBytes - half.peakMemoryBytes) / 24 / MIB
    rows.push(
      row('memory of a further device, 16 MiB image', '≤ 1 MiB', `${perDeviceMib.toFixed(2)} MiB`, perDeviceMib <= 1),
    )
    const peakMib = whole.peakMemoryBytes / MIB
    rows.push(row('… peak of the engine at 32 devices', 'reported', `${peakMib.toFixed(0)} MiB`))
  } finally {
    prompt.child.disconnect()
  }
  const slow = await startServer(20)
  try {
    const task = { port: slow.port, devices: 256, imageBytes: MIB, chunkBytes: CHUNK_BYTES }
    const both = await compare(['flashproof', 'undici'], task, Math.min(rounds, 3))
    const figures = both.get('flashproof') ?? []
    const chunks = task.imageBytes / CHUNK_BYTES
    // Every request costs 20 ms: the chunks, and for a job two questions before them and the completion after.
    const shareOf = (list: readonly UploadFigures[], requests: number): number =>
      median(list.map(figure => (requests * 20) / figure.wallMs))
    const share = shareOf(figures, chunks + 3)
    const peerShare = shareOf(both.get('undici') ?? [], chunks)
    const core = median(figures.map(figure => figure.cpuMs / figure.wallMs))
    rows.push(
      row('256 devices that take 20 ms a chunk', '≥ 92 % of ideal', `${(share * 100).toFixed(1)} %`, share >= 0.92),
    )
    rows.push(row('… bare undici in the same run', 'reported', `${(peerShare * 100).toFixed(1)} %`))
    rows.push(row('… share of one core', '≤ 40 %', `${(core * 100).toFixed(0)} %`, core <= 0.4))
  } finally {
    slow.child.disconnect()
  }
  return rows
}
