import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import { instantTimes } from '../../src/simulator/board/board-options.ts'
import type { UpdateServer } from '../../src/simulator/board/update-server.ts'
import { startElegantOta } from '../../src/simulator/elegant-ota/kind.ts'
import { startEsphomeWeb } from '../../src/simulator/esphome-ota/kind.ts'
import { startHttpUpdate } from '../../src/simulator/http-update/kind.ts'
import { startTasmota } from '../../src/simulator/tasmota/kind.ts'
import { runCurl } from './curl.ts'
import { requireTool } from './tools.ts'

const curl = requireTool('curl')

const smallImage = buildDemoFirmware({ sizeBytes: 200_000, version: '3.1.0', seed: 7 })
const md5 = createHash('md5').update(smallImage).digest('hex')
const login = { username: 'admin', password: 'secret' } as const

let folder = ''
let file = ''
let image = smallImage
let device: UpdateServer | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-curl-'))
  file = join(folder, 'firmware.bin')
  image = smallImage
  writeFileSync(file, image)
})
afterEach(async () => {
  await device?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Keeps its flash in a folder, so that it can be read from the disk. */
async function started(start: (settings: object) => Promise<UpdateServer>, settings: object): Promise<UpdateServer> {
  device = await start({ ...instantTimes, flashDir: join(folder, 'flash'), ...settings })
  return device
}

async function ask(...parts: string[]): Promise<string> {
  return (await runCurl(curl ?? 'curl', parts)).text
}

async function statusOf(...parts: string[]): Promise<number> {
  return (await runCurl(curl ?? 'curl', parts)).status
}

/** Waits for the restart that `upload` causes, and looks at the flash on disk and at what runs. */
async function expectInstalled(board: UpdateServer, upload: () => Promise<string>, success: string): Promise<void> {
  const back = board.nextBoot()
  expect(await upload()).toContain(success)
  await back
  expect(new Uint8Array(readFileSync(join(folder, 'flash', 'ota_1.bin')))).toEqual(image)
  expect(board.activeImage()).toEqual(image)
  expect([board.refusedImage(), board.stats.boots]).toEqual([null, 2])
}

describe.skipIf(curl === null)('curl at a virtual ElegantOTA device', () => {
  it.each([
    ['without a password', {}, []],
    ['with Basic', { ...login, scheme: 'basic' }, ['-u', 'admin:secret']],
    ['with Digest', { ...login, scheme: 'digest' }, ['--digest', '-u', 'admin:secret']],
    ['with Digest on the asynchronous server', { ...login, async: true }, ['--digest', '-u', 'admin:secret']],
    ['with Basic on the asynchronous server', { ...login, async: true }, ['-u', 'admin:secret']],
    ['with whatever it asks for', { ...login, scheme: 'digest' }, ['--anyauth', '-u', 'admin:secret']],
  ])('starts an update and uploads %s', async (_what, settings, options) => {
    const board = await started(startElegantOta, settings)
    expect(await ask('--compressed', ...options, `${board.target}/update`)).toContain('<title>ElegantOTA')
    expect(await ask(...options, `${board.target}/ota/start?mode=fr&hash=${md5}`)).toBe('OK')
    await expectInstalled(board, () => ask(...options, '-F', `file=@${file}`, `${board.target}/ota/upload`), 'OK')
  })

  it('is refused with a wrong password, and nothing is stored', async () => {
    const board = await started(startElegantOta, { ...login, scheme: 'digest' })
    for (const options of [[], ['-u', 'admin:secret'], ['--digest', '-u', 'admin:wrong']]) {
      expect(await statusOf(...options, `${board.target}/ota/start?mode=fr`)).toBe(401)
      expect(await statusOf(...options, '-F', `file=@${file}`, `${board.target}/ota/upload`)).toBe(401)
    }
    expect([board.stored(), board.stats.boots]).toEqual([null, 1])
  })

  it('uploads to version 2 with the MD5 in front', async () => {
    const board = await started(startElegantOta, { version: 2, async: true })
    const form = ['-F', `MD5=${md5}`, '-F', `firmware=@${file}`]
    await expectInstalled(board, () => ask(...form, `${board.target}/update`), 'OK')
  })
})

describe.skipIf(curl === null)('curl at a virtual HTTPUpdateServer device', () => {
  const form = (): string[] => ['-F', `firmware=@${file}`]

  it('uploads a file of more than a megabyte, for which curl first asks whether it may', async () => {
    image = buildDemoFirmware({ sizeBytes: 1_200_000, version: '3.1.0', seed: 7 })
    writeFileSync(file, image)
    const board = await started(startHttpUpdate, {})
    await expectInstalled(board, () => ask(...form(), `${board.target}/update`), 'Update Success! Rebooting...')
  })

  it('uploads with a password, and is refused without it', async () => {
    const board = await started(startHttpUpdate, login)
    expect(await statusOf(...form(), `${board.target}/update`)).toBe(401)
    expect(board.stored()).toBeNull()
    const upload = (): Promise<string> => ask('-u', 'admin:secret', ...form(), `${board.target}/update`)
    await expectInstalled(board, upload, 'Update Success!')
  })

  it('needs the Origin where the device checks it', async () => {
    const board = await started(startHttpUpdate, { checksOrigin: true })
    expect(await ask(...form(), `${board.target}/update`)).toBe('Update error: Wrong origin received!')
    expect(board.stored()).toBeNull()
    const upload = (): Promise<string> => ask('-H', `Origin: ${board.target}`, ...form(), `${board.target}/update`)
    await expectInstalled(board, upload, 'Update Success!')
  })

  it('uploads gzip to an ESP8266', async () => {
    const board = await started(startHttpUpdate, { isEsp8266: true })
    const packed = join(folder, 'firmware.bin.gz')
    writeFileSync(packed, gzipSync(image))
    const upload = (): Promise<string> => ask('-F', `firmware=@${packed}`, `${board.target}/update`)
    await expectInstalled(board, upload, 'Update Success!')
  })
})

describe.skipIf(curl === null)('curl at a virtual Tasmota device', () => {
  const upload = (board: UpdateServer, ...options: string[]): Promise<string> =>
    ask(...options, '-F', `u2=@${file}`, `${board.target}/u2?fsz=${String(image.length)}`)

  it('arms, uploads, and sees the version change', async () => {
    const board = await started(startTasmota, {})
    expect(await ask(`${board.target}/cm?cmnd=Status%202`)).toContain('"Version":"14.2.0(tasmota32)"')
    await ask(`${board.target}/up`)
    await expectInstalled(board, () => upload(board), 'Successful')
    expect(await ask(`${board.target}/cm?cmnd=Status%202`)).toContain('"Version":"3.1.0(tasmota32)"')
  })

  it('goes through safeboot with a password and the Referer that it wants', async () => {
    const board = await started(startTasmota, { password: 'secret', needsReferer: true, safeboot: true })
    const options = ['-u', 'admin:secret', '-e', `${board.target}/`]
    const inSafeboot = board.nextBoot()
    expect(await ask(...options, `${board.target}/u4?u4=fct&api=`)).toBe('false')
    await inSafeboot
    expect(await ask(...options, `${board.target}/u4?u4=fct&api=`)).toBe('true')
    await ask(...options, `${board.target}/up`)
    const back = board.nextBoot()
    expect(await upload(board, ...options)).toContain('Successful')
    await back
    expect(board.activeImage()).toEqual(image)
    const query = 'user=admin&password=secret&cmnd=Status%202'
    expect(await ask('-e', `${board.target}/`, `${board.target}/cm?${query}`)).toContain('3.1.0(tasmota32)')
    expect(await ask('-e', `${board.target}/`, `${board.target}/cm?cmnd=Status`)).toBe(
      '{"WARNING":"Need user=<username>&password=<password>"}',
    )
  })
})

describe.skipIf(curl === null)('curl at the web server of a virtual ESPHome device', () => {
  it.each([
    ['without a password', {}, []],
    ['with one', { password: 'secret' }, ['-u', 'admin:secret']],
  ])('uploads %s', async (_what, settings, options) => {
    const board = await started(startEsphomeWeb, settings)
    const upload = (): Promise<string> => ask(...options, '-F', `update=@${file}`, `${board.target}/update`)
    await expectInstalled(board, upload, 'Update Successful!')
  })
})
