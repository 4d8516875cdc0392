import { describe, expect, it } from 'vitest'
import { openFlashStorage } from '../../../src/simulator/board/flash-storage.ts'
import { VirtualStm32 } from '../../../src/simulator/stm32-bridge/virtual-stm32.ts'

const REQUEST = [0x1c]
const program = Array.from({ length: 19 }, (_, index) => index + 1)
const SUM = program.reduce((sum, byte) => sum + byte, 0) & 0xff

function newStm32(): VirtualStm32 {
  return new VirtualStm32(openFlashStorage(null), 1024)
}

/** Sends each list of bytes and gives what is answered to each. */
function converse(stm32: VirtualStm32, ...messages: readonly (readonly number[])[]): (number | null)[] {
  return messages.map(message => stm32.receive(Uint8Array.from(message)))
}

describe('the bootloader of the virtual STM32', () => {
  it('takes a length and a sum with the highest byte first, and groups of eight bytes of which the last may be shorter', () => {
    const stm32 = newStm32()
    const groups = [program.slice(0, 8), program.slice(8, 16), program.slice(16)]
    expect(converse(stm32, REQUEST, [0x02, 0, 0, 0, 19], ...groups, [0x06, 0, 0, 0, SUM])).toEqual([
      0x1f, 0x03, 0x05, 0x05, 0x05, 0x07,
    ])
    expect(stm32.application()).toEqual(Uint8Array.from(program))
  })

  it('refuses lengths that it has no room for', () => {
    expect(converse(newStm32(), REQUEST, [0x02, 0, 0, 0x04, 0x01])).toEqual([0x1f, 0x04])
    expect(converse(newStm32(), REQUEST, [0x02, 0x13, 0, 0, 0])).toEqual([0x1f, 0x04])
  })

  it('answers nothing to bytes that it does not wait for, and nothing before a group is whole', () => {
    expect(converse(newStm32(), [0x02, 0, 0, 0, 19], [0x55])).toEqual([null, null])
    expect(converse(newStm32(), REQUEST, [0x02, 0, 0, 0, 19], [1, 2, 3, 4, 5, 6, 7])).toEqual([0x1f, 0x03, null])
  })

  it('starts no program whose sum is another', () => {
    const stm32 = newStm32()
    expect(converse(stm32, REQUEST, [0x02, 0, 0, 0, 2], [1, 2], [0x06, 0, 0, 0, 4])).toEqual([0x1f, 0x03, 0x05, 0x08])
    expect(stm32.application()).toBeNull()
  })

  it('loses the program that it had as soon as it takes a length', () => {
    const stm32 = newStm32()
    converse(stm32, REQUEST, [0x02, 0, 0, 0, 2], [1, 2], [0x06, 0, 0, 0, 3])
    expect(stm32.application()).toEqual(Uint8Array.of(1, 2))
    converse(stm32, REQUEST, [0x02, 0, 0, 0, 2], [9])
    expect(stm32.application()).toBeNull()
    stm32.giveUpWaiting()
    expect(converse(stm32, REQUEST)).toEqual([0x1f])
  })
})
