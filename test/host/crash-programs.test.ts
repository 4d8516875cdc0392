/** ELF files for crashes: given to the monitor that runs and to those that come, never to a page. */
import { describe, expect, it } from 'vitest'
import { CrashPrograms } from '../../src/host/crash-programs.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createClient } from '../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { serve } from '../../src/shared/rpc/server.ts'
import type { RequestOf } from '../../src/shared/contract/index.ts'

const LINE = 'serial:/dev/ttyUSB0'

function begin(refuse: (path: string) => FlashproofError | null = () => null) {
  const [near, far] = createMemoryLinkPair()
  const attached: RequestOf<'monitor.attach'>[] = []
  const handlers = {
    'monitor.attach': (request: RequestOf<'monitor.attach'>) => {
      const refusal = refuse(request.elfPath ?? '')
      if (refusal !== null) throw refusal
      attached.push(request)
      return {}
    },
  }
  // The one command that is asked here.
  serve<'worker'>(far, { handlers: handlers as never, answers: ['worker'], caller: 'host' })
  return { programs: new CrashPrograms(createClient(near, { caller: 'host' })), attached }
}

describe('the ELF file of a line', () => {
  it('goes to the monitor that runs, and to the next one of the same line', async () => {
    const { programs, attached } = begin()
    await programs.started(LINE, 'm-1')
    await programs.choose(LINE, '/build/app.elf')
    await programs.started('serial:/dev/ttyUSB1', 'm-2')
    await programs.started(LINE, 'm-3')
    expect(attached).toEqual([
      { monitorId: 'm-1', elfPath: '/build/app.elf' },
      { monitorId: 'm-3', elfPath: '/build/app.elf' },
    ])
  })

  it('is refused where it is none, and the one before stays', async () => {
    const { programs, attached } = begin(path =>
      path.endsWith('.bin') ? new FlashproofError('format.unsupported', 'no ELF file', {}) : null,
    )
    await programs.started(LINE, 'm-1')
    await programs.choose(LINE, '/build/app.elf')
    await expect(programs.choose(LINE, '/build/app.bin')).rejects.toMatchObject({ code: 'format.unsupported' })
    await programs.started(LINE, 'm-2')
    expect(attached.map(({ elfPath }) => elfPath)).toEqual(['/build/app.elf', '/build/app.elf'])
  })

  it('waits for the next monitor where the last one ended, and never keeps one from starting', async () => {
    const known = new Set<string>()
    const { programs, attached } = begin(path =>
      known.has(path) ? null : new FlashproofError('target.unknown', 'no monitor runs', {}),
    )
    await programs.started(LINE, 'm-1')
    await programs.choose(LINE, '/build/app.elf')
    known.add('/build/app.elf')
    await programs.started(LINE, 'm-2')
    expect(attached).toHaveLength(1)
    const gone = begin(() => new FlashproofError('file.not-found', 'gone', {}))
    await gone.programs.choose(LINE, '/build/app.elf')
    await expect(gone.programs.started(LINE, 'm-1')).resolves.toBeUndefined()
  })
})
