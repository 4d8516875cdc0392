/** One row a protocol: the engine against a bare client that sends the same requests, and what goes over the wire. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { DialectFigures, DialectPair, DialectTask } from './dialect-client.ts'
import { dialects } from './dialects/index.ts'
import type { Dialect, Rival, WireCounts } from './dialects/dialect.ts'
import { median, ratioRow, row, type BenchRow } from './table.ts'

const MIB = 1024 * 1024
const GOAL = 0.8
/** A quiet Wi-Fi to a small board: what the line alone costs there. */
const LINE_BYTES_PER_MS = 500
const ROUND_TRIP_MS = 10

/** Resolves with the next message; a child that ends without one says so. */
async function messageFrom(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController()
  try {
    const over = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`a process of the bench ended with ${String(code)} before it said anything`)
    })
    over.catch(() => undefined)
    const [message] = (await Promise.race([once(child, 'message', { signal: ended.signal }), over])) as [unknown]
    return message
  } finally {
    ended.abort()
  }
}

type TakeCounts = () => Promise<WireCounts>

/** Resolves with what was measured; the device then holds the counts of the engine's last run. */
async function runClient(task: DialectTask, takeCounts: TakeCounts): Promise<readonly DialectPair[]> {
  const child = fork(new URL('./dialect-client.ts', import.meta.url))
  child.send(task)
  for (;;) {
    const message = await messageFrom(child)
    // The client sends a list, or the word that it is about to begin a run.
    if (Array.isArray(message)) return message as DialectPair[]
    await takeCounts()
    child.send('counted')
  }
}

/** @param only ids of the protocols to measure; none: all */
export async function benchDialects(rounds: number, only: readonly string[] = []): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const dialect of dialects.filter(({ id }) => only.length === 0 || only.includes(id))) {
    const name = `${dialect.id} ${dialect.what}`
    const device = fork(new URL('./dialect-device.ts', import.meta.url), [name])
    try {
      const { target } = (await messageFrom(device)) as { target: string }
      const takeCounts: TakeCounts = async () => {
        device.send('counts')
        return (await messageFrom(device)) as WireCounts
      }
      rows.push(...(await measureDialect(dialect, target, rounds, takeCounts)))
    } finally {
      if (device.connected) device.disconnect()
    }
  }
  return rows
}

async function measureDialect(
  dialect: Dialect,
  target: string,
  rounds: number,
  takeCounts: TakeCounts,
): Promise<BenchRow[]> {
  const { imageBytes, options } = dialect
  const name = `${dialect.id} ${dialect.what}`
  const task = { name, target, imageBytes, options }
  const pairs = await runClient({ ...task, pairs: rounds }, takeCounts)
  const counts = await takeCounts()
  const typical = (figure: (pair: DialectPair) => number): number => median(pairs.map(figure))
  const mib = imageBytes / MIB
  const cpuPerMib = (way: (pair: DialectPair) => DialectFigures): string =>
    (typical(pair => way(pair).cpuMs) / mib).toFixed(1)
  const rate = typical(({ ours }) => mib / (ours.wallMs / 1000))
  const rows = [
    ratioRow(
      `${dialect.id}, ${dialect.what}, ${mib.toFixed(mib < 1 ? 2 : 0)} MiB, against a bare client`,
      GOAL,
      typical(({ ours, bare }) => bare.wallMs / ours.wallMs),
    ),
    row('… before its first byte', 'reported', `${typical(({ ours }) => ours.startMs).toFixed(0)} ms`),
    row(
      '… after its last answer, to seal the record',
      'reported',
      `${typical(({ ours }) => ours.endMs).toFixed(0)} ms`,
    ),
    row('… throughput, journal on', 'reported', `${rate.toFixed(rate < 10 ? 2 : 0)} MiB/s`),
    row(
      '… CPU, from the order to the sealed record',
      'reported',
      `${cpuPerMib(({ ours }) => ours)} ms/MiB, bare ${cpuPerMib(({ bare }) => bare)} ms/MiB`,
    ),
    row('… on the wire', 'reported', describeWire(counts, imageBytes)),
  ]
  if (dialect.rival === undefined) return rows
  const { imageBytes: rivalBytes, options: rivalOptions } = dialect.rival
  await runClient({ ...task, pairs: 0, imageBytes: rivalBytes, options: rivalOptions }, takeCounts)
  return [...rows, ...rivalRows(dialect.rival, await takeCounts())]
}

function describeWire({ requests, receivedBytes }: WireCounts, imageBytes: number): string {
  const overhead = ((receivedBytes / imageBytes - 1) * 100).toFixed(2)
  return `${String(requests)} requests, ${overhead} % beyond the image`
}

/** What the line alone costs, ours against the rival's, for the same image. */
function rivalRows(rival: Rival, ours: WireCounts): BenchRow[] {
  const lineMs = (requests: number, bytes: number): number => bytes / LINE_BYTES_PER_MS + requests * ROUND_TRIP_MS
  const oursMs = lineMs(ours.requests, ours.receivedBytes)
  const theirsMs = lineMs(rival.requests, rival.bytes) + rival.pausesMs
  const seconds = (durationMs: number): string => `${(durationMs / 1000).toFixed(1)} s`
  const sizeMib = (rival.imageBytes / MIB).toFixed(rival.imageBytes < MIB ? 2 : 0)
  const times = (theirs: number, own: number): string =>
    theirs >= own ? `${(theirs / own).toFixed(1)}× fewer` : `${(own / theirs).toFixed(1)}× as many`
  return [
    row(
      `… ${sizeMib} MiB against ${rival.name}: requests`,
      'reported',
      `${String(ours.requests)} for ${String(rival.requests)} (${times(rival.requests, ours.requests)})`,
    ),
    row(
      '… bytes on the wire',
      'reported',
      `${(ours.receivedBytes / MIB).toFixed(1)} MiB for ${(rival.bytes / MIB).toFixed(1)} MiB`,
    ),
    row('… line time at 4 Mbit/s and 10 ms', 'reported', `${seconds(oursMs)} for ${seconds(theirsMs)}`),
  ]
}
