import { describe, expect, it } from 'vitest'
import { espChips, chipByName } from '../../../../src/core/formats/esp-image/chips.ts'
import type { EspFacts, EspSecurity } from '../../../../src/core/transfer/esp-serial/esp-loader.ts'
import { loadStub } from '../../../../src/core/transfer/esp-serial/stub.ts'

function facts(name: string, change: Partial<EspFacts> = {}): EspFacts {
  const chip = chipByName(name)
  if (chip === undefined) throw new Error(`${name} is not in the table`)
  return { chip, revision: 300, mac: null, flashBytes: null, security: null, ...change }
}

const secureDownload: EspSecurity = {
  isSecureBootEnabled: false,
  isSecureDownloadMode: true,
  isFlashEncrypted: false,
  flags: [],
}

describe('the stub of a chip', () => {
  it('is there for all but the two that have none', async () => {
    const without: string[] = []
    for (const { name } of espChips) {
      const stub = await loadStub(facts(name))
      if (stub === null) {
        without.push(name)
        continue
      }
      const [text] = stub.segments
      expect(stub.segments).toHaveLength(2)
      expect(text?.bytes.length, name).toBeGreaterThan(4000)
      // It begins inside its own code.
      const offset = stub.entry - (text?.address ?? 0)
      expect(offset >= 0 && offset < (text?.bytes.length ?? 0), name).toBe(true)
    }
    expect(without).toEqual(['ESP32-H21', 'ESP32-E22'])
  })

  it('follows the memory map of the P4’s revision', async () => {
    const old = await loadStub(facts('ESP32-P4', { revision: 103 }))
    const now = await loadStub(facts('ESP32-P4', { revision: 300 }))
    expect(old?.segments[0]?.address).not.toBe(now?.segments[0]?.address)
    expect(await loadStub(facts('ESP32-P4', { revision: null }))).toEqual(now)
  })

  it('is not for the first C2, nor for Secure Download Mode', async () => {
    expect(await loadStub(facts('ESP32-C2', { revision: 0 }))).toBeNull()
    expect(await loadStub(facts('ESP32-C2', { revision: 100 }))).not.toBeNull()
    expect(await loadStub(facts('ESP32-S3', { security: secureDownload }))).toBeNull()
  })
})
