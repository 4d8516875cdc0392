import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { JobRecord } from '../../../src/shared/contract/record.ts'
import type { ExportFormat } from '../../../src/shared/contract/commands.ts'
import { isoWithZone } from '../../../src/core/clock.ts'
import { runHistoryTask } from '../../../src/core/journal/history-thread.ts'
import { historyThreadEntry } from '../../../src/worker/entries.ts'
import { appVersion } from '../../../src/worker/version.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

let bench: Bench | null = null
afterEach(async () => {
  await bench?.close()
  bench = null
})

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesUnder(path) : [path]
  })
}

async function exportAs(home: string, format: ExportFormat): Promise<string> {
  mkdirSync(join(home, 'exports'), { recursive: true })
  const outputPath = join(home, 'exports', `log.${format}`)
  const task = { type: 'export', format, outputPath, generatedAt: isoWithZone(Date.now()) } as const
  const { signal } = new AbortController()
  await runHistoryTask(home, 'station', task, { entry: historyThreadEntry, signal })
  return outputPath
}

it('the record of a job holds everything that is to be kept of it', async () => {
  bench = await openBench()
  const board = await bench.board({ fileSystemBytes: 160 * 1024, firmware: { version: '1.9.0' } })
  const [job] = await bench.flash({
    targets: [board.target],
    accept: ['tight-space'],
    acceptedBy: 'Lan',
    context: { operator: 'Lan', order: 'PO-7', 'unit-serial': 'U-42', note: 'a note', line: '3' },
    options: { chunkBytes: 4096 },
  })
  const task = { type: 'record', jobId: job?.jobId ?? '' } as const
  const { signal } = new AbortController()
  const sealed = await runHistoryTask(bench.home, 'station', task, { entry: historyThreadEntry, signal })
  const record = JobRecord.parse(sealed?.record)
  expect(record).toMatchObject({
    recordVersion: 1,
    jobId: job?.jobId,
    simulated: false,
    station: hostname(),
    operator: 'Lan',
    order: 'PO-7',
    unitSerial: 'U-42',
    note: 'a note',
    context: { line: '3' },
    osUser: userInfo().username,
    host: hostname(),
    appVersion,
    source: { fileName: 'app-1.bin', sizeBytes: 65_536, format: 'esp-image' },
    image: { sizeBytes: 65_536, baseAddress: null, version: '2.1.1' },
    target: board.target,
    protocol: 'esp-parts',
    options: { chunkBytes: 4096 },
    device: { id: board.identity.id, mac: board.identity.mac, chip: 'ESP32' },
    versionBefore: '1.9.0',
    decisions: [{ code: 'tight-space', answer: 'accept', answeredBy: 'Lan' }],
    attempts: 1,
    retries: 0,
    doneBytes: 65_536,
    totalBytes: 65_536,
    state: 'finished',
    required: 'stored',
    verdict: 'proven',
    provenLevel: 'stored',
    boardNow: 'new-firmware',
    unplug: 'safe',
    error: null,
  })
  expect(record.source.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(record.image.sha256).toBe(job?.firmware.imageSha256)
  expect(record.evidence.map(fact => fact.level)).toEqual(expect.arrayContaining(['sent', 'acknowledged', 'stored']))
  expect(Object.keys(record.stateDurationsMs)).toEqual(
    expect.arrayContaining(['queued', 'connecting', 'transferring', 'verifying']),
  )
  const withZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/
  for (const at of [record.createdAt, record.startedAt, record.endedAt]) expect(at).toMatch(withZone)
  expect(bench.station.journal('station').telemetry(record.jobId).length).toBeGreaterThan(0)
})

it('a secret reaches the protocol, and no file of the home and no export', async () => {
  const secret = 'S3cr3t-Pa55word-51f0'
  const seen: unknown[] = []
  bench = await openBench({
    protocols: [
      fakeProtocol((order, context) => {
        seen.push(order.options['password'])
        return Promise.resolve(proveStored(order, context))
      }),
    ],
  })
  const image = demoImage()
  const targets = ['http://127.0.0.1:9']
  await bench.flash({ targets, secrets: { password: secret } }, image)
  // A person who gives it as an ordinary option has not told it to the log either.
  await bench.flash({ targets, options: { password: secret } }, image)
  expect(seen).toEqual([secret, secret])
  for (const format of ['csv', 'jsonl', 'json', 'html'] as const) await exportAs(bench.home, format)
  const leaks = filesUnder(bench.home).filter(path => readFileSync(path).includes(secret))
  expect(leaks).toEqual([])
  expect(filesUnder(bench.home).filter(path => path.includes('journal.sqlite')).length).toBeGreaterThan(0)
  expect(JSON.stringify(bench.snapshots)).not.toContain(secret)
})

it('each device gets its own secret over the common one, and none of them is kept', async () => {
  const seen = new Map<string, unknown>()
  bench = await openBench({
    protocols: [
      fakeProtocol((order, context) => {
        seen.set(order.endpoint.text, order.options['password'])
        return Promise.resolve(proveStored(order, context))
      }),
    ],
  })
  const targets = ['http://127.0.0.1:7', 'http://127.0.0.1:8', 'http://127.0.0.1:9']
  const targetSecrets = {
    'http://127.0.0.1:7': { password: 'S3cr3t-of-seven' },
    'http://127.0.0.1:8': { password: 'S3cr3t-of-eight' },
  }
  await bench.flash({ targets, secrets: { password: 'S3cr3t-of-all' }, targetSecrets }, demoImage())
  expect(Object.fromEntries(seen)).toEqual({
    'http://127.0.0.1:7': 'S3cr3t-of-seven',
    'http://127.0.0.1:8': 'S3cr3t-of-eight',
    'http://127.0.0.1:9': 'S3cr3t-of-all',
  })
  for (const format of ['csv', 'jsonl', 'json', 'html'] as const) await exportAs(bench.home, format)
  expect(filesUnder(bench.home).filter(path => readFileSync(path).includes('S3cr3t-of'))).toEqual([])
  expect(JSON.stringify(bench.snapshots)).not.toContain('S3cr3t-of')
  const firmwareId = await bench.firmwareId(demoImage())
  const stray = { 'http://127.0.0.1:6': { password: 'S3cr3t-of-six' } }
  const refused = bench.station.engine.start({ firmwareId, targets, targetSecrets: stray })
  await expect(refused).rejects.toMatchObject({
    code: 'usage.invalid-value',
    message: expect.not.stringContaining('S3cr3t') as string,
  })
})

it('real and simulated jobs never share a journal, a batch or an export', async () => {
  const virtualOrigins = new Set<string>()
  bench = await openBench({ isSimulated: endpoint => endpoint.kind === 'http' && virtualOrigins.has(endpoint.origin) })
  const [virtual, real] = [await bench.board(), await bench.board()]
  virtualOrigins.add(virtual.target)
  const firmwareId = await bench.firmwareId(demoImage())
  await expect(
    bench.station.engine.start({ firmwareId, targets: [virtual.target, real.target] }),
  ).rejects.toMatchObject({ code: 'target.invalid' })
  const [practised] = await bench.flash({ targets: [virtual.target], firmwareId })
  const [worked] = await bench.flash({ targets: [real.target], firmwareId })
  expect([practised?.simulated, worked?.simulated]).toEqual([true, false])
  const idsIn = (kind: 'station' | 'practice'): string[] | undefined =>
    bench?.station
      .journal(kind)
      .listJobs()
      .map(job => job.snapshot.jobId)
  expect(idsIn('practice')).toEqual([practised?.jobId])
  expect(idsIn('station')).toEqual([worked?.jobId])
  expect(readFileSync(await exportAs(bench.home, 'csv'), 'utf8')).not.toContain(practised?.jobId ?? '?')
})
