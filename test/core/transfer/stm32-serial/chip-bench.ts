/** Virtual STM32s and jobs for them, in one station: the tests of a file run beside each other. */
import { afterAll, beforeAll, vi } from 'vitest'
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import type { NamedFault } from '../../../../src/simulator/faults/fault-table.ts'
import { startVirtualStm32Serial } from '../../../../src/simulator/stm32-serial/virtual-stm32-serial.ts'
import { openBench, type Bench } from '../../../fakes/bench.ts'
import { suitePolicy } from '../../../conformance/suite-policy.ts'
import { closedAfterAll } from '../../../simulator/started-devices.ts'
import { stm32Image } from '../stm32-bridge/scripted-gateway.ts'

export type Chip = Awaited<ReturnType<typeof startVirtualStm32Serial>>
export type Order = Partial<Omit<JobOrderRequest, 'firmwareId'>> & { readonly fileName?: string }

export const FLASH_START = 0x0800_0000
const AT_ONCE = 12

export class ChipBench {
  readonly #started = closedAfterAll()
  /** Codes that jobs logged. */
  readonly #logs = new Map<string, string[]>()
  #bench: Bench | null = null

  /** Registers the hooks of the file that calls it. */
  constructor() {
    // Most of its time a test waits for silence: they do that together.
    vi.setConfig({ maxConcurrency: AT_ONCE })
    beforeAll(async () => {
      this.#bench = await openBench({ retryPolicy: suitePolicy })
      this.#bench.watchLog((jobId, { code }) => this.#logs.set(jobId, [...this.logOf(jobId), code]))
    })
    afterAll(async () => {
      await this.#bench?.close()
    })
  }

  get bench(): Bench {
    if (this.#bench === null) throw new Error('the bench is not open')
    return this.#bench
  }

  logOf(jobId: string): readonly string[] {
    return this.#logs.get(jobId) ?? []
  }

  async chip(options: Parameters<typeof startVirtualStm32Serial>[0] = {}): Promise<Chip> {
    return this.#started(await startVirtualStm32Serial({ timeScale: 0, ...options }))
  }

  async flash(device: Chip, bytes: Uint8Array, { fileName, ...order }: Order = {}): Promise<JobSnapshot> {
    const { bench } = this
    const firmwareId = await bench.firmwareId(bytes, fileName)
    // The chip stays in its loader, so that one test can write it twice.
    const options = { start: 'none', ...order.options }
    const [job] = await bench.flash({
      targets: [device.target],
      protocol: 'stm32-serial',
      ...order,
      options,
      firmwareId,
    })
    if (job === undefined) throw new Error('no job')
    return job
  }
}

export const fault = (name: string, parameters: Readonly<Record<string, string | number>> = {}): NamedFault => ({
  name,
  ...parameters,
})

/** A program with a vector table, and bytes behind it that differ from one seed to the next. */
export function program(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = stm32Image(sizeBytes)
  for (let at = 512; at < bytes.length; at++) bytes[at] = (seed * 41 + at * 7) & 0xff
  return bytes
}

export const flashAt = (device: Chip, address: number, sizeBytes: number): Uint8Array =>
  Uint8Array.from(device.flash().subarray(address - FLASH_START, address - FLASH_START + sizeBytes))
