import { readFile, rm, mkdtemp, mkdir, writeFile, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileProducer } from '../../src/host/saving/file-producer.ts'
import { safeFileName } from '../../src/host/saving/file-names.ts'
import { redactSecrets } from '../../src/host/saving/redact.ts'
import type { Handlers, JobRecord, JobSnapshot, SaveRequest } from '../../src/shared/contract/index.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'
import { fakeEngine } from './fake-engine.ts'

const HOSTILE = '<img src=x onerror=alert(1)>"\u001b[31m\u202e'
const HEAD_HASH = 'ab'.repeat(32)
const at = new Date(2026, 10, 21, 5, 12)
let home = ''

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'flashproof-saving-'))
})
afterEach(async () => {
  await rm(home, { recursive: true, force: true })
})

const proven = fakeSnapshot({
  jobId: 'j-1',
  state: 'finished',
  verdict: 'proven',
  provenLevel: 'stored',
  boardNow: 'new-firmware',
  unplug: 'safe',
  versionBefore: '2.1.3',
  versionAfter: '2.1.4',
  device: { name: HOSTILE, mac: 'AA:BB' },
  evidence: [
    { level: 'stored', basis: 'device-hash', method: 'sha256', value: 'ab', at: '2026-11-21T03:00:00Z', matches: true },
  ],
})
const contradicted = fakeSnapshot({
  jobId: 'j-2',
  state: 'finished',
  verdict: 'unproven',
  reason: 'contradicted',
  versionBefore: '2.1.3',
  evidence: [
    {
      level: 'stored',
      basis: 'device-hash',
      method: 'sha256',
      value: '77',
      at: '2026-11-21T03:00:00Z',
      matches: false,
    },
  ],
})

function recordOf(snapshot: JobSnapshot): JobRecord {
  return {
    ...snapshot,
    recordVersion: 1,
    station: 'Bench A3',
    operator: HOSTILE,
    order: '4711',
    unitSerial: null,
    note: null,
    context: {},
    osUser: 'tech',
    host: 'pc',
    appVersion: '1',
    source: { fileName: 'a.bin', sizeBytes: 4, sha256: '00', format: 'raw-binary' },
    image: { sizeBytes: 4, sha256: '00', baseAddress: null, version: '2.1.4' },
    options: {},
    versionBefore: snapshot.versionBefore ?? null,
    versionAfter: snapshot.versionAfter ?? null,
    decisions: [],
    endedAt: '2026-11-21T03:00:00Z',
    stateDurationsMs: {},
  }
}

async function producer(handlers: Partial<Handlers<'worker'>> = {}): Promise<FileProducer> {
  const { engine } = fakeEngine(new FakeClock(), () => ({
    'log.show': ({ jobId }) => {
      const snapshot = jobId === 'j-1' ? proven : contradicted
      const line = {
        at: '2026-11-21T03:00:00Z',
        elapsedMs: 1,
        level: 'info',
        code: 'device.said',
        text: HOSTILE,
      } as const
      return { entry: { sequence: 7, recordHash: null, snapshot }, record: recordOf(snapshot), lines: [line] }
    },
    'log.list': () => ({ entries: [], headHash: HEAD_HASH }),
    'catalog.get': () => ({ version: '1.2.3', protocols: [], formats: [] }),
    'log.export': async ({ outputPath, format }) => {
      await writeFile(outputPath, `export ${format}`)
      return { outputPath, records: 0, headHash: null }
    },
    ...handlers,
  }))
  await engine.start()
  return new FileProducer({ engine, home, version: '1.2.3', now: () => at })
}

const signal = new AbortController().signal

describe('files for people', () => {
  it('gives the device list as the worker writes it', async () => {
    const files = await producer({
      'device.export': () => ({ csv: 'target,label\r\nhttp://10.0.0.9,Shed\r\n', devices: 1 }),
    })
    const file = await files.produce({ kind: 'devices' }, signal)
    expect(file).toMatchObject({
      fileName: 'flashproof-devices-2026-11-21-0512.csv',
      mediaType: 'text/csv; charset=utf-8',
      use: 'save',
    })
    expect(await readFile(file.path, 'utf8')).toBe('target,label\r\nhttp://10.0.0.9,Shed\r\n')
    await file.discard()
    expect(await readdir(join(home, 'temporary'))).toEqual([])
  })

  it('exports what the worker writes under a dated name', async () => {
    const files = await producer()
    const file = await files.produce({ kind: 'export', format: 'csv', filter: { order: 'WO 1/2' } }, signal)
    expect(file).toMatchObject({
      fileName: 'flashproof-log-WO-1-2-2026-11-21-0512.csv',
      mediaType: 'text/csv; charset=utf-8',
      use: 'save',
    })
    expect(await readFile(file.path, 'utf8')).toBe('export csv')
    await file.discard()
    expect(await readdir(join(home, 'temporary'))).toEqual([])
  })

  it('gives the page to be printed for a PDF', async () => {
    const files = await producer()
    const file = await files.produce({ kind: 'export', format: 'pdf' }, signal)
    expect(file).toMatchObject({ fileName: 'flashproof-log-2026-11-21-0512.pdf', use: 'print' })
    expect(await readFile(file.path, 'utf8')).toBe('export html')
  })

  it('leaves nothing behind when the worker refuses', async () => {
    const files = await producer({
      'log.export': () => {
        throw new Error('no')
      },
    })
    await expect(files.produce({ kind: 'export', format: 'csv' }, signal)).rejects.toMatchObject({
      code: 'internal.unexpected',
    })
    expect(await readdir(join(home, 'temporary'))).toEqual([])
  })

  it('writes the log of a job as text that a terminal may show', async () => {
    const files = await producer()
    const file = await files.produce({ kind: 'job-log', jobId: 'j-1' }, signal)
    const text = await readFile(file.path, 'utf8')
    expect(text).toContain('device.said')
    expect(text).not.toMatch(/[\u001b\u202e]/)
  })
})

describe('the service report', () => {
  async function render(language: 'en' | 'vi'): Promise<string> {
    const files = await producer()
    const request: SaveRequest = { kind: 'service-report', jobIds: ['j-1', 'j-2'], language, format: 'html' }
    const file = await files.produce(request, signal)
    expect(file.fileName).toBe('flashproof-service-report-4711-2026-11-21-0512.html')
    return await readFile(file.path, 'utf8')
  }

  it('says site, order, before and after, the proof in words and the head hash', async () => {
    const html = await render('en')
    for (const text of ['Bench A3', '4711', '2.1.3', '2.1.4', 'Proven: Checked in flash', 'Safe to unplug', HEAD_HASH])
      expect(html).toContain(text)
    expect(html).toContain('1 of 2 boards proven')
    expect(html).toContain('Contradicted: Checked in flash')
  })

  it('shows green for what is proven alone', async () => {
    const html = await render('en')
    expect(html.match(/class="green"/g)).toHaveLength(1)
    expect(html).toContain('<b class="green">Proven')
    expect(html).toContain('<b class="red">Not proven')
  })

  it('speaks Vietnamese', async () => {
    const html = await render('vi')
    expect(html).toContain('<html lang="vi">')
    expect(html).toContain('Đã chứng minh: Đã kiểm tra trong flash')
  })

  it('shows hostile text as text and loads nothing', async () => {
    const html = await render('en')
    expect(html).not.toContain('<img')
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;')
    expect(html).not.toMatch(/[\u001b\u202e]/)
    expect(html).not.toMatch(/<script|src=["']|href=/)
    expect(html).toMatch(/default-src 'none'; style-src 'sha256-[\w+/=]+'/)
  })

  it('refuses a job of the other journal', async () => {
    const files = await producer()
    const request: SaveRequest = {
      kind: 'service-report',
      jobIds: ['j-1'],
      practice: true,
      language: 'en',
      format: 'html',
    }
    await expect(files.produce(request, signal)).rejects.toMatchObject({ code: 'journal.wrong-kind' })
  })
})

describe('the support bundle', () => {
  it('holds no seeded secret, wherever one could be', async () => {
    const secret = 'hunter2-Zq9'
    await mkdir(join(home, 'logs'))
    await writeFile(
      join(home, 'logs', 'main.log'),
      [
        `password=${secret}`,
        `GET http://tech:${secret}@10.0.0.7/upload`,
        `Authorization: Basic ${secret}`,
        `{"hmacKey":"${secret}","kept":"visible"}`,
        `address http://10.0.0.7/?token=${secret}&x=1`,
        `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
        'an ordinary line',
      ].join('\n'),
    )
    await writeFile(join(home, 'credentials.json'), secret)
    const files = await producer({
      'job.list': () => ({ jobs: [fakeSnapshot({ target: `http://tech:${secret}@10.0.0.7/` })] }),
      'device.list': () => ({ devices: [] }),
      'log.export': async ({ outputPath }) => {
        await writeFile(outputPath, `{"options":{"api_key":"${secret}"}}\n`)
        return { outputPath, records: 1, headHash: null }
      },
    })
    const file = await files.produce({ kind: 'support-bundle' }, signal)
    expect(file.fileName).toBe('flashproof-support-2026-11-21-0512.zip')
    const entries = unzip(await readFile(file.path))
    const all = [...entries.values()].join('\n')
    expect(all).not.toContain(secret)
    expect(entries.get('logs/main.log')).toContain('an ordinary line')
    expect(entries.get('logs/main.log')).toContain('"kept":"visible"')
    // What a broken or older engine cannot say is said of.
    expect(entries.has('settings.json.error.json')).toBe(true)
    expect(entries.get('README.txt')).toContain('records.jsonl')
  })

  it('leaves ordinary text alone', () => {
    const text = '{"keyboard":"us","monkey":1,"tokenless":2} sha256 abcd, http://10.0.0.1:80/a?b=c'
    expect(redactSecrets(text)).toBe(text)
  })

  it('takes out what it is told, even where nothing tells that it is a secret', () => {
    expect(redactSecrets('line swordfish end', ['swordfish'])).toBe('line [removed] end')
  })
})

describe('names of files', () => {
  it.each([
    [['a', '', 'b'], 'a-b'],
    [['../../etc/passwd'], 'etc-passwd'],
    [['con'], 'file-con'],
    [['Đơn hàng 7'], 'Đơn-hàng-7'],
    [['***'], 'file-'],
  ])('%j becomes %s', (parts, name) => {
    expect(safeFileName(parts)).toBe(name)
  })
})

/** Reads the archive by its local headers, as a recovery tool does. */
function unzip(archive: Buffer): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  for (let offset = 0; archive.readUInt32LE(offset) === 0x04034b50;) {
    const packedBytes = archive.readUInt32LE(offset + 18)
    const nameBytes = archive.readUInt16LE(offset + 26)
    const contentAt = offset + 30 + nameBytes
    const name = archive.toString('utf8', offset + 30, contentAt)
    entries.set(name, inflateRawSync(archive.subarray(contentAt, contentAt + packedBytes)).toString('utf8'))
    offset = contentAt + packedBytes
  }
  return entries
}
