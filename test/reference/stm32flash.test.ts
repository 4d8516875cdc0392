import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startVirtualStm32Serial } from '../../src/simulator/stm32-serial/virtual-stm32-serial.ts'
import { closedAfterEach } from '../simulator/started-devices.ts'
import { runProgram } from './programs.ts'
import { requireTool } from './tools.ts'

const stm32flash = requireTool('stm32flash')
const socat = requireTool('socat')
const started = closedAfterEach()

/** Vectors that start it, and bytes of every value behind them. */
const image = Uint8Array.from({ length: 9_001 }, (_byte, index) => (index * 7 + (index >> 8)) & 0xff)
image.set([0x00, 0x50, 0x00, 0x20, 0x09, 0x01, 0x00, 0x08])

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-stm32flash-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(stm32flash === null || socat === null)('a virtual STM32 with stm32flash', () => {
  const cases = [
    { product: 'f103', id: '0x0410' },
    { product: 'f407', id: '0x0413' },
    { product: 'g071', id: '0x0460' },
  ] as const

  it.each(cases)('is identified, written, verified and read back: $product', async ({ product, id }) => {
    const device = started(await startVirtualStm32Serial({ carrier: 'pty', timeScale: 0, product }))
    const path = device.target.slice('serial:'.length)
    const file = join(folder, 'image.bin')
    writeFileSync(file, image)
    const run = (...parts: string[]): ReturnType<typeof runProgram> =>
      runProgram(stm32flash ?? '', ['-m', '8n1', ...parts, path])

    const identified = await run('-b', '115200')
    expect(identified.exitCode, identified.stderr).toBe(0)
    expect(identified.stdout).toMatch(new RegExp(`device id\\s*: ${id}`, 'i'))

    await device.reboot()
    const written = await run('-w', file, '-v')
    expect(written.exitCode, written.stderr).toBe(0)
    expect(device.stored()?.subarray(0, image.length)).toEqual(image)

    await device.reboot()
    const copy = join(folder, 'copy.bin')
    const read = await run('-r', copy, '-S', `0x08000000:${String(image.length + 3)}`)
    expect(read.exitCode, read.stderr).toBe(0)
    expect(new Uint8Array(readFileSync(copy)).subarray(0, image.length)).toEqual(image)
  })

  it('is not written without a word where a page is protected: verifying tells', async () => {
    const fault = { name: 'write-protected', page: 4 }
    const device = started(await startVirtualStm32Serial({ carrier: 'pty', timeScale: 0, faults: [fault] }))
    const file = join(folder, 'image.bin')
    writeFileSync(file, image)
    const path = device.target.slice('serial:'.length)
    const run = await runProgram(stm32flash ?? '', ['-m', '8n1', '-w', file, '-v', path])
    expect(run.exitCode).not.toBe(0)
    expect(run.stderr).toContain('Failed to verify')
  })

  it('is there again at the same place when its cable was pulled', async () => {
    const device = started(await startVirtualStm32Serial({ carrier: 'pty', timeScale: 0 }))
    const path = device.target.slice('serial:'.length)
    expect((await runProgram(stm32flash ?? '', ['-m', '8n1', path])).exitCode).toBe(0)
    await device.uart.unplug()
    expect(existsSync(path)).toBe(false)
    await device.uart.plug()
    expect(device.target).toBe(`serial:${path}`)
    const run = await runProgram(stm32flash ?? '', ['-m', '8n1', path])
    expect(run.exitCode, run.stderr).toBe(0)
  })
})
