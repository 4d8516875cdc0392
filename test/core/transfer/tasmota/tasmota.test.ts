import { afterEach, describe, expect, it } from 'vitest'
import { tasmota } from '../../../../src/core/transfer/tasmota/protocol.ts'
import {
  fileOf,
  flashScript,
  serveScript,
  type PageAnswer,
  type PageRequest,
  type ScriptedPage,
} from '../scripted-page.ts'

const pages: ScriptedPage[] = []
afterEach(async () => {
  for (const page of pages.splice(0)) await page.close()
})

interface Board {
  version: string
  uptimeSeconds: number
  hardware: string
  /** What it does with a form. */
  upload: (board: Board) => PageAnswer | null
  safeboot: string
  password: string | null
}

async function board(change: Partial<Board> = {}): Promise<{ readonly page: ScriptedPage; readonly board: Board }> {
  const state: Board = {
    version: '13.4.0(tasmota32)',
    uptimeSeconds: 5000,
    hardware: 'ESP32-D0WDQ6 v1.0',
    upload: self => {
      Object.assign(self, { version: '14.1.0(tasmota32)', uptimeSeconds: 1 })
      return { body: '<div>Nạp thành công</div>' }
    },
    safeboot: 'none',
    password: null,
    ...change,
  }
  const page = await serveScript(request => answer(state, request))
  pages.push(page)
  return { page, board: state }
}

function answer(board: Board, { method, path }: PageRequest): PageAnswer | null {
  const url = new URL(path, 'http://h')
  if (method === 'POST') return board.upload(board)
  if (url.pathname === '/up') return { body: '<form>' }
  if (url.pathname === '/u4') return { body: board.safeboot }
  if (url.pathname !== '/cm') return { status: 404 }
  const { searchParams } = url
  if (board.password !== null && searchParams.get('password') !== board.password) {
    return { status: 401, body: '{"WARNING":"Need user=<username>&password=<password>"}' }
  }
  const { version, hardware, uptimeSeconds } = board
  switch (searchParams.get('cmnd')) {
    case 'Status 2':
      return {
        body: json({ StatusFWR: { Version: version, BuildDateTime: '2026-01-01T10:00:00', Hardware: hardware } }),
      }
    case 'Status 11':
      return { body: json({ StatusSTS: { UptimeSec: uptimeSeconds, Heap: 120, Wifi: { Signal: -61 } } }) }
    case 'Status 5':
      return { body: json({ StatusNET: { Hostname: 'lamp', Mac: '02:4F:50:00:00:07' } }) }
    default:
      return { body: '{"Command":"Unknown"}' }
  }
}

function json(value: unknown): string {
  return JSON.stringify(value)
}

describe('tasmota', () => {
  it('arms the upload, sends the form with its size, and tells by the version that the image runs', async () => {
    const { page } = await board()
    const { job, image } = await flashScript(tasmota, page)
    expect([job.verdict, job.boardNow, job.versionBefore, job.versionAfter]).toEqual([
      'running',
      'new-firmware',
      '13.4.0(tasmota32) 2026-01-01T10:00:00',
      '14.1.0(tasmota32) 2026-01-01T10:00:00',
    ])
    expect(job.device).toMatchObject({ mac: '02:4f:50:00:00:07', chip: 'ESP32', name: 'lamp' })
    const paths = page.requests.map(({ path }) => path)
    const arm = paths.indexOf('/up')
    const upload = paths.indexOf(`/u2?fsz=${String(image.length)}`)
    expect(arm).toBeGreaterThan(0)
    expect(upload).toBeGreaterThan(arm)
    const [sent] = page.uploads()
    if (sent === undefined) throw new Error('nothing was sent')
    expect(sent.headers.referer).toBe(`${page.target}/`)
    expect(fileOf(sent).head).toContain('name="u2"; filename="firmware.bin"')
    expect(Buffer.compare(fileOf(sent).bytes, image)).toBe(0)
  })

  it('takes a restart with the same version for the device’s word, not for the new firmware', async () => {
    const { page } = await board({
      upload: self => {
        self.uptimeSeconds = 0
        return { body: 'Successful' }
      },
    })
    const { job } = await flashScript(tasmota, page)
    expect([job.verdict, job.boardNow]).toEqual(['acknowledged', 'unknown'])
    expect(job.warnings.join()).toContain('the same version as before')
  })

  it('believes no translated success of a device that goes on as before, and shows its page', async () => {
    const { page } = await board({ upload: () => ({ body: '<b>Successful</b><br>no room, that is' }) })
    const { job } = await flashScript(tasmota, page)
    expect([job.state, job.error?.code, job.boardNow]).toEqual(['failed', 'device.rejected', 'unknown'])
    expect(job.error?.details['page']).toBe('Successful no room, that is')
  })

  it('refuses an image for another chip than Status tells', async () => {
    const { page } = await board({ hardware: 'ESP32-C3 v0.4' })
    const { job } = await flashScript(tasmota, page)
    expect([job.error?.code, page.uploads().length]).toEqual(['image.wrong-chip', 0])
  })

  it('asks for the password in the query and shows it nowhere, whatever goes wrong', async () => {
    const right = await board({ password: 'geheim#1' })
    const good = await flashScript(tasmota, right.page, { secrets: { password: 'geheim#1' } })
    expect(good.job.verdict).toBe('running')
    expect(right.page.requests[0]?.path).toBe('/cm?user=admin&password=geheim%231&cmnd=Status%202')
    const wrong = await flashScript(tasmota, right.page, { secrets: { password: 'gestohlen' } })
    expect(wrong.job.error?.code).toBe('device.unauthorised')
    const silent = await serveScript(() => null)
    pages.push(silent)
    const broken = await flashScript(tasmota, silent, { secrets: { password: 'geheim#1' } })
    expect(broken.job.error?.code).toBe('network.reset')
    const said = JSON.stringify([good, wrong, broken].map(({ job, log }) => [job, log]))
    for (const secret of ['geheim', 'gestohlen', 'password=']) expect(said).not.toContain(secret)
  })

  it('waits for a board with one slot to restart into safeboot, and arms it there again', async () => {
    const { page, board: state } = await board({ safeboot: 'false' })
    const asked: string[] = []
    const { job } = await withRestart(state, page, asked)
    expect([job.verdict, job.boardNow]).toEqual(['running', 'new-firmware'])
    const paths = page.requests.map(({ path }) => path.split('?')[0])
    const upload = paths.indexOf('/u2')
    expect(paths.slice(0, upload).lastIndexOf('/up')).toBeGreaterThan(paths.slice(0, upload).lastIndexOf('/u4'))
  })

  it('cleans what a device says of itself', async () => {
    const { page } = await board({ version: '1.0\u001b[31m\u202e(evil)' })
    const { job, log } = await flashScript(tasmota, page)
    expect(JSON.stringify([job, log])).not.toMatch(/\\u001b|\u202e/)
  })

  it('is not what answers something else', async () => {
    const page = await serveScript(() => ({ body: '<html>hello</html>' }))
    pages.push(page)
    const { job } = await flashScript(tasmota, page)
    expect(job.error?.code).toBe('device.not-speaking')
  })
})

/** The board answers `false` twice and is then in safeboot, as its version shows. */
async function withRestart(state: Board, page: ScriptedPage, asked: string[]): ReturnType<typeof flashScript> {
  const { upload } = state
  let questions = 0
  Object.defineProperty(state, 'safeboot', {
    get: () => {
      asked.push('u4')
      if (++questions < 3) return 'false'
      state.version = '13.4.0(safeboot)'
      state.uptimeSeconds = 2
      return 'true'
    },
  })
  state.upload = self => upload(self)
  return await flashScript(tasmota, page)
}
