/** The firmware that is laid out on the bench: opened by a drop, a dialog, or the host. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { FirmwareSummary, ResponseOf } from '../../shared/contract/index.ts'
import { asFlashproofError, fromWireError, type FlashproofError, type WireError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'

type OnDisk = ResponseOf<'firmware.recheck'>

export const useFirmware = defineStore('firmware', () => {
  const station = useStation()
  const current = shallowRef<FirmwareSummary | null>(null)
  const isOpening = shallowRef(false)
  /** The name of the file that is being opened, or was refused last. */
  const openingName = shallowRef('')
  /** Why the last file was refused; the firmware before it stays where it is. */
  const refusal = shallowRef<FlashproofError | null>(null)
  /** Null where it cannot be told. */
  const onDisk = shallowRef<OnDisk | null>(null)
  /** The person's own file behind the firmware: the host of a browser holds a copy only. */
  const handedOver = shallowRef<{ readonly firmwareId: string; readonly file: File } | null>(null)
  /** Whether a person dropped or chose the file in this page, rather than the host. */
  const isFromPerson = computed(
    () => current.value !== null && current.value.firmwareId === handedOver.value?.firmwareId,
  )
  /** Counts openings: of two that overlap, the later one counts. */
  let openings = 0

  async function take(fileName: string, open: () => Promise<FirmwareSummary | null>): Promise<void> {
    const opening = ++openings
    const before = { refusal: refusal.value, name: openingName.value }
    isOpening.value = true
    openingName.value = fileName
    refusal.value = null
    try {
      const opened = await open()
      if (opening !== openings) return
      if (opened !== null) lay(opened)
      else {
        // Closed without a choice: what was said of the file before still holds.
        refusal.value = before.refusal
        openingName.value = before.name
      }
    } catch (thrown) {
      if (opening === openings) refusal.value = asFlashproofError(thrown)
    } finally {
      if (opening === openings) isOpening.value = false
    }
  }

  function lay(firmware: FirmwareSummary): void {
    current.value = firmware
    refusal.value = null
    onDisk.value = { state: 'same', changedAt: null }
  }

  const openFile = (file: File): Promise<void> =>
    take(file.name, async () => {
      const firmware = await station.openFile(file)
      handedOver.value = { firmwareId: firmware.firmwareId, file }
      return firmware
    })

  const choose = (): Promise<void> => take('', async () => (await station.client.call('firmware.choose', {})).firmware)

  /** What the refused file can be opened for; null where it was refused for another reason. */
  const choice = computed(() => {
    const { code, details = {} } = refusal.value ?? { code: null }
    const { choiceId, variants, file } = details
    if (code !== 'format.variant-needed' || typeof choiceId !== 'string' || !Array.isArray(variants)) return null
    const fileName = typeof file === 'string' ? file : openingName.value
    return { choiceId, fileName, variants: variants.filter(name => typeof name === 'string') }
  })

  /** Opens the file that was refused for want of a chip. */
  async function openVariant(choiceId: string, variant: string): Promise<void> {
    await take(openingName.value, async () => {
      const { firmware } = await station.client.call('firmware.open-variant', { choiceId, variant })
      return firmware
    })
  }

  async function reopen(): Promise<void> {
    const { value } = current
    if (value === null) return
    await take(value.fileName, async () => {
      const { firmware } = await station.client.call('firmware.reopen', { firmwareId: value.firmwareId })
      return firmware
    })
  }

  /** Asks whether the file on disk is still the one that was inspected. */
  async function recheck(): Promise<void> {
    const { value } = current
    if (value === null || isOpening.value) return
    const found = await lookOnDisk(value.firmwareId)
    if (current.value?.firmwareId === value.firmwareId) onDisk.value = found
  }

  async function lookOnDisk(firmwareId: string): Promise<OnDisk | null> {
    const given = handedOver.value
    if (given?.firmwareId === firmwareId && !(await isReadable(given.file))) {
      return { state: 'changed', changedAt: null }
    }
    try {
      return await station.client.call('firmware.recheck', { firmwareId })
    } catch {
      // A restarted engine does not know it yet; the host opens it again and says so.
      return null
    }
  }

  function forgetRefusal(): void {
    refusal.value = null
  }

  async function load(): Promise<void> {
    const { firmware } = await station.client.call('firmware.list', {})
    const [last] = firmware
    if (current.value === null && last !== undefined) lay(last)
  }

  function start(): () => void {
    const stops = [
      station.client.subscribe('firmware.opened', ({ firmware, replaces }) => {
        const isNewer = replaces === null || current.value === null
        if (!isNewer && replaces !== current.value?.firmwareId) return
        const given = handedOver.value
        if (given !== null && given.firmwareId === replaces) {
          handedOver.value = { ...given, firmwareId: firmware.firmwareId }
        }
        lay(firmware)
      }),
      station.client.subscribe('firmware.refused', ({ fileName, error }) => {
        openingName.value = fileName
        // The host is of this very build, so its codes are in the table.
        refusal.value = fromWireError(error as WireError)
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  return {
    current,
    isOpening,
    openingName,
    refusal,
    onDisk,
    isFromPerson,
    openFile,
    choose,
    choice,
    openVariant,
    reopen,
    recheck,
    forgetRefusal,
    load,
    start,
  }
})

/** A browser refuses to read a file that was changed or removed after a person handed it over. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer()
    return true
  } catch {
    return false
  }
}
