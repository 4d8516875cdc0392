import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { RunningCli } from './cli-process.ts'
import { makeFirmware, runCliProcess, startDevices } from './cli-process.ts'

const GIBIBYTE = 1024 ** 3
let folder = ''
let webPage = ''
let closedPort = ''
let plainBoard = ''
let simulator: RunningCli
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html').end('<!DOCTYPE html><html><body>Router login</body></html>')
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-bad-input-'))
  const at = (name: string): string => join(folder, name)
  await writeFile(at('empty.bin'), '')
  await mkdir(at('folder'))
  await writeFile(at('huge.bin'), '')
  await truncate(at('huge.bin'), 3 * GIBIBYTE)
  await writeFile(at('page.hex'), '<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n')
  await writeFile(at('broken.hex'), ':10000000000102030405060708090A0B0C0D0E0F78\n:0400100001020304FF\n:00000001FF\n')
  await makeFirmware(at('good.bin'), 65_536)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  // A listening server has an address with a port.
  webPage = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  closedPort = `http://127.0.0.1:${String((taken.address() as AddressInfo).port)}`
  await new Promise(resolve => taken.close(resolve))
  const devices = await startDevices('esp-parts+seed', at('home'))
  simulator = devices.process
  plainBoard = devices.targets[0] ?? ''
})

afterAll(async () => {
  simulator.signal('SIGTERM')
  await simulator.result
  await new Promise(resolve => server.close(resolve))
  await rm(folder, { recursive: true, force: true })
})

interface Refusal {
  readonly what: string
  readonly argv: () => readonly string[]
  readonly exitCode: 1 | 2
  /** Where, in the error line. */
  readonly names: RegExp
  readonly code: string
}

const cases: readonly Refusal[] = [
  ...[
    { what: 'a missing file', file: 'nowhere.bin', names: /nowhere\.bin/, code: 'file.not-found' },
    { what: 'an empty file', file: 'empty.bin', names: /empty\.bin/, code: 'file.empty' },
    { what: 'a folder', file: 'folder', names: /folder/, code: 'file.is-directory' },
    { what: 'a file of 3 GiB', file: 'huge.bin', names: /huge\.bin.*3\.00 GiB/, code: 'file.too-large' },
    { what: 'a web page saved as .hex', file: 'page.hex', names: /page\.hex.*web page/, code: 'format.not-firmware' },
    { what: 'a broken checksum', file: 'broken.hex', names: /line 2/, code: 'format.bad-checksum' },
  ].flatMap(({ what, file, names, code }): Refusal[] => [
    { what: `${what} to inspect`, argv: () => ['inspect', file], exitCode: 2, names, code },
    { what: `${what} to convert`, argv: () => ['convert', file, 'out.bin'], exitCode: 2, names, code },
    { what: `${what} to flash`, argv: () => ['flash', file, '--to', webPage], exitCode: 2, names, code },
  ]),
  ...[
    { what: 'a folder', file: 'folder', names: /folder/, code: 'file.is-directory' },
    { what: 'a missing export', file: 'nowhere.csv', names: /nowhere\.csv/, code: 'file.not-found' },
    { what: 'an empty export', file: 'empty.bin', names: /empty\.bin/, code: 'journal.export-invalid' },
    { what: 'another file', file: 'page.hex', names: /page\.hex/, code: 'journal.export-invalid' },
  ].map(({ what, file, names, code }): Refusal => ({
    what: `${what} to log verify`,
    argv: () => ['log', 'verify', file],
    exitCode: 2,
    names,
    code,
  })),
  {
    what: 'a chunk size of 0',
    argv: () => ['flash', 'good.bin', '--to', webPage, '--protocol', 'esp-parts', '--set', 'chunkBytes=0'],
    exitCode: 2,
    names: /chunkBytes.*0/,
    code: 'option.invalid',
  },
  {
    what: 'a target that climbs',
    argv: () => ['flash', 'good.bin', '--to', '../../etc'],
    exitCode: 2,
    names: /\.\.\/\.\.\/etc/,
    code: 'target.unsafe-path',
  },
  {
    what: 'a target without telemetry, to monitor',
    argv: () => ['monitor', 'udp://127.0.0.1:9'],
    exitCode: 2,
    names: /udp:\/\/127\.0\.0\.1:9/,
    code: 'protocol.endpoint-not-accepted',
  },
  {
    what: 'an ELF file that is none, to decode crashes with',
    argv: () => ['monitor', 'tcp://127.0.0.1:9', '--elf', 'good.bin'],
    exitCode: 2,
    names: /good\.bin is no ELF file/,
    code: 'format.unsupported',
  },
  {
    what: 'a log file that is a folder',
    argv: () => ['monitor', 'tcp://127.0.0.1:9', '--log-file', '.'],
    exitCode: 2,
    names: /is a folder/,
    code: 'file.is-directory',
  },
  {
    what: 'a size of log files without a file',
    argv: () => ['monitor', 'tcp://127.0.0.1:9', '--log-size', '4'],
    exitCode: 2,
    names: /--log-file/,
    code: 'usage.missing-argument',
  },
  {
    what: 'an unknown protocol',
    argv: () => ['flash', 'good.bin', '--to', webPage, '--protocol', 'x25'],
    exitCode: 2,
    names: /x25.*esp-parts/,
    code: 'protocol.unknown',
  },
  {
    what: 'an unknown option of the protocol',
    argv: () => ['flash', 'good.bin', '--to', webPage, '--protocol', 'esp-parts', '--set', 'colour=blue'],
    exitCode: 2,
    names: /colour.*chunkBytes/,
    code: 'option.unknown',
  },
  ...['colour=blue', '__proto__=1', 'constructor=1'].map((pair): Refusal => {
    const [key = ''] = pair.split('=')
    return {
      what: `${key}, which no protocol knows, for a board that would take the image`,
      argv: () => ['flash', 'good.bin', '--to', plainBoard, '--set', pair],
      exitCode: 2,
      names: new RegExp(key),
      code: key === 'colour' ? 'option.unknown' : 'usage.invalid-value',
    }
  }),
  {
    what: 'a decision that nobody asks for',
    argv: () => ['flash', 'good.bin', '--to', plainBoard, '--accept', 'no-such-code'],
    exitCode: 2,
    names: /no-such-code.*tight-space, other-project, resume-unidentified,.* not-firmware, missing-end/,
    code: 'usage.invalid-value',
  },
  {
    what: 'a decision that no format asks for, to convert',
    argv: () => ['convert', 'good.bin', 'out.bin', '--accept', 'tight-space'],
    exitCode: 2,
    names: /tight-space.*not-firmware, missing-end/,
    code: 'usage.invalid-value',
  },
  {
    what: 'a decision that nobody asks for, to resume',
    argv: () => ['resume', '--accept', 'no-such-code'],
    exitCode: 2,
    names: /no-such-code.*resume-unidentified/,
    code: 'usage.invalid-value',
  },
  {
    what: 'a context key that is no plain word',
    argv: () => ['flash', 'good.bin', '--to', plainBoard, '--context', '__proto__=1'],
    exitCode: 2,
    names: /__proto__.*--context/,
    code: 'usage.invalid-value',
  },
  {
    what: 'a host where nothing listens',
    argv: () => ['flash', 'good.bin', '--to', closedPort, '--protocol', 'esp-parts'],
    exitCode: 1,
    names: /127\.0\.0\.1:\d+/,
    code: 'network.refused',
  },
  {
    what: 'a host that answers with a web page',
    argv: () => ['flash', 'good.bin', '--to', webPage],
    exitCode: 2,
    names: /127\.0\.0\.1:\d+/,
    code: 'protocol.not-detected',
  },
  {
    what: 'a level that the device cannot prove',
    argv: () => ['flash', 'good.bin', '--to', plainBoard, '--require', 'running'],
    exitCode: 2,
    names: /running/,
    code: 'require.unreachable-level',
  },
  {
    what: 'a name that no device has',
    argv: () => ['flash', 'good.bin', '--to', 'no-such-board'],
    exitCode: 2,
    names: /no-such-board/,
    code: 'target.unknown',
  },
  {
    what: 'another SHA-256 than expected',
    argv: () => ['flash', 'good.bin', '--to', webPage, '--expect-sha256', '00'.repeat(32)],
    exitCode: 2,
    names: /sha-?256/i,
    code: 'image.hash-mismatch',
  },
]

describe.concurrent('bad input', () => {
  it.for(cases)(
    '$what: one line that names it, exit code $exitCode, and nothing changes',
    async (refusal, { expect }) => {
      const home = join(folder, 'home')
      const { exitCode, out, err } = await runCliProcess([...refusal.argv(), ...jsonFor(refusal)], {
        home,
        cwd: folder,
      })
      expect(exitCode, err).toBe(refusal.exitCode)
      const lines = err.split('\n').filter(line => line.startsWith('flashproof: '))
      expect(lines, err).toHaveLength(1)
      expect(lines[0]).toMatch(refusal.names)
      expect(lines[0]).toMatch(/^flashproof: [^:]+: .+[.?!] .+\.$/)
      if (refusal.argv()[0] !== 'convert') expect(out).toContain(`"code":"${refusal.code}"`)
      expect(await readdir(folder)).not.toContain('out.bin')
    },
  )
})

function jsonFor(refusal: Refusal): readonly string[] {
  return refusal.argv()[0] === 'convert' ? [] : ['--json']
}
