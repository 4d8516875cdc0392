/** What curl, written by others, makes of the gateway's upload: its own form is corrupted, a browser's form by hand is not. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stm32BridgeKind } from '../../src/simulator/stm32-bridge/kind.ts'
import {
  startVirtualStm32Bridge,
  type VirtualStm32Bridge,
} from '../../src/simulator/stm32-bridge/virtual-stm32-bridge.ts'
import { browserForm } from '../simulator/stm32-bridge/browser-form.ts'
import { someBytes } from '../simulator/wire.ts'
import { requireTool } from './tools.ts'

const curl = requireTool('curl')
const image = Uint8Array.from([...someBytes(6000), 0xff])

let device: VirtualStm32Bridge
let folder = ''
beforeEach(async () => {
  device = await startVirtualStm32Bridge(stm32BridgeKind.traits['instant'])
  folder = mkdtempSync(join(tmpdir(), 'flashproof-stm32-curl-'))
})
afterEach(async () => {
  await device.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs curl beside the device, which lives in this process; gives what it printed. */
function runCurl(commandArguments: readonly string[]): Promise<string> {
  const all = ['--silent', '--show-error', '--noproxy', '*', '--max-time', '20', ...commandArguments]
  return new Promise((resolve, reject) => {
    const child = spawn(curl ?? 'curl', all, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString()
    })
    child.on('error', reject)
    child.on('close', () => {
      resolve(said)
    })
  })
}

function save(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

describe.skipIf(curl === null)('curl against a gateway to an STM32', () => {
  it('leaves its own boundary in the firmware, and the STM32 is programmed with it', async () => {
    const file = save('firmware.bin', image)
    expect(await runCurl(['-F', `file=@${file}`, `${device.target}/upload`])).toBe('BIN file uploaded successfully')
    const uploaded = Buffer.from(device.uploaded() ?? [])
    expect(uploaded.subarray(0, image.length)).toEqual(Buffer.from(image))
    expect(uploaded.subarray(image.length).toString('latin1')).toMatch(/^\r\n-{20,}\w+--\r\n$/)
    expect(await runCurl(['-X', 'POST', `${device.target}/download`])).toContain('with checksum verification')
    expect(device.stored()?.length).toBeGreaterThan(image.length)
  })

  it('with a browser’s form made by hand stores the firmware and nothing else', async () => {
    const { contentType, body } = browserForm(image)
    const file = save('body', body)
    const header = `Content-Type: ${contentType}`
    expect(await runCurl(['-H', header, '--data-binary', `@${file}`, `${device.target}/upload`])).toBe(
      'BIN file uploaded successfully',
    )
    expect(device.uploaded()).toEqual(image)
    expect(await runCurl(['-X', 'POST', `${device.target}/download`])).toContain('with checksum verification')
    expect(device.stored()).toEqual(image)
  })

  it('is told in the gateway’s words what it does wrong', async () => {
    expect(await runCurl(['-X', 'POST', `${device.target}/download`])).toBe(
      'Firmware file not found. Please upload firmware first.',
    )
    expect(await runCurl(['--data-binary', 'no form', `${device.target}/upload`])).toBe('Invalid multipart format')
  })
})
