import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { boardOptionsOf, instantTimes } from '../../../src/simulator/board/board-options.ts'
import { VirtualBoard } from '../../../src/simulator/board/board.ts'
import { openFlashStorage } from '../../../src/simulator/board/flash-storage.ts'
import { UpdateObject, type UpdateSettings } from '../../../src/simulator/board/update.ts'
import { buildTestImage } from '../test-image.ts'
import { someBytes } from '../wire.ts'

const image = buildTestImage()
const md5 = createHash('md5').update(image).digest('hex')

function newUpdate(settings: UpdateSettings = {}): { update: UpdateObject; board: VirtualBoard } {
  const board = new VirtualBoard(openFlashStorage(null), boardOptionsOf({ ...instantTimes, slotBytes: 8192 }))
  return { board, update: new UpdateObject(board, settings) }
}

describe('Update of the Arduino core', () => {
  it('takes an image in pieces, and has the bootloader try it next', () => {
    const { update, board } = newUpdate()
    expect(update.begin(image.length)).toBe(true)
    expect([update.write(image.subarray(0, 700)), update.write(image.subarray(700))]).toEqual([700, image.length - 700])
    expect([update.progressBytes, update.end(false)]).toEqual([image.length, true])
    expect([update.stored(), board.state.pendingSlot, update.isRunning]).toEqual([image, 1, false])
  })

  it('says nothing of a second begin but false, and goes on with the first', () => {
    const { update } = newUpdate()
    update.begin(null)
    update.write(image.subarray(0, 10))
    expect([update.begin(null), update.hasError, update.progressBytes]).toEqual([false, false, 10])
  })

  it('forgets an MD5 that was set before begin, and heeds one that was set behind it', () => {
    const { update } = newUpdate()
    update.setMd5('0'.repeat(32))
    update.begin(null)
    update.write(image)
    expect(update.end(true)).toBe(true)
    for (const [announced, isTaken] of [
      ['0'.repeat(32), false],
      [md5.toUpperCase(), true],
    ] as const) {
      update.begin(null)
      expect([update.setMd5('short'), update.setMd5(announced)]).toEqual([false, true])
      update.write(image)
      expect([update.end(true), update.errorText]).toEqual([isTaken, isTaken ? 'No Error' : 'MD5 Check Failed'])
    }
  })

  it.each([
    ['Bad Size Given', (update: UpdateObject) => update.begin(0)],
    ['Bad Size Given', (update: UpdateObject) => update.begin(8193)],
    ['Not Enough Space', (update: UpdateObject) => update.begin(10) && update.write(image) > 0],
    ['Wrong Magic Byte', (update: UpdateObject) => update.begin(null) && update.write(Uint8Array.of(1)) > 0],
    ['Wrong Magic Byte', (update: UpdateObject) => update.begin(null) && update.write(Uint8Array.of(0x1f)) > 0],
    [
      'Aborted',
      (update: UpdateObject) => update.begin(100) && update.write(image.subarray(0, 9)) === 9 && update.end(false),
    ],
    ['Aborted', (update: UpdateObject) => update.begin(null) && update.end(true)],
    [
      'Could Not Activate The Firmware',
      (update: UpdateObject) => update.begin(null) && update.write(image.subarray(0, 99)) === 99 && update.end(true),
    ],
  ])('ends with “%s”, closed, and without keeping anything', (text, fails) => {
    const { update } = newUpdate()
    expect([fails(update), update.errorText, update.isRunning, update.stored()]).toEqual([false, text, false, null])
    // Nothing is taken behind an error until it is begun anew.
    expect([update.write(image), update.end(true)]).toEqual([0, false])
    expect(update.begin(null)).toBe(true)
  })

  it('stores a file system of any bytes beside the application, up to its own size', () => {
    const { update, board } = newUpdate({ fileSystemBytes: 4096 })
    const content = someBytes(4096)
    expect([update.begin(4097, 'filesystem'), update.errorText]).toEqual([false, 'Bad Size Given'])
    update.begin(null, 'filesystem')
    update.write(content)
    expect([update.end(true), update.stored(), board.state.pendingSlot]).toEqual([true, content, null])
  })

  it('tells what was stored last, of an application and a file system', () => {
    const { update } = newUpdate()
    const store = (bytes: Uint8Array, target: 'app' | 'filesystem'): Uint8Array | null => {
      update.begin(null, target)
      update.write(bytes)
      update.end(true)
      return update.stored()
    }
    const content = someBytes(100)
    expect(store(image, 'app')).toEqual(image)
    expect(store(content, 'filesystem')).toEqual(content)
    expect(store(image, 'app')).toEqual(image)
  })
})
