/** The firmware that is laid out on the bench: opened by a drop, a dialog, or the host. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { FirmwareSummary } from '../../shared/contract/index.ts'
import { asFlashproofError, fromWireError, type FlashproofError, type WireError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'

export const useFirmware = defineStore('firmware', () => {
  const station = useStation()
  const current = shallowRef<FirmwareSummary | null>(null)
  const isOpening = shallowRef(false)
  /** The name of the file that is being opened, or was refused last. */
  const openingName = shallowRef('')
  /** Why the last file was refused; the firmware before it stays where it is. */
  const refusal = shallowRef<FlashproofError | null>(null)
  const onDisk = shallowRef<{ state: 'same' | 'changed' | 'missing'; changedAt: string | null } | null>(null)

  async function take(fileName: string, open: () => Promise<FirmwareSummary | null>): Promise<void> {
    isOpening.value = true
    openingName.value = fileName
    refusal.value = null
    try {
      const opened = await open()
      if (opened !== null) lay(opened)
    } catch (thrown) {
      refusal.value = asFlashproofError(thrown)
    } finally {
      isOpening.value = false
    }
  }

  function lay(firmware: FirmwareSummary): void {
    current.value = firmware
    refusal.value = null
    onDisk.value = { state: 'same', changedAt: null }
  }

  const openFile = (file: File): Promise<void> => take(file.name, () => station.openFile(file))

  const choose = (): Promise<void> => take('', async () => (await station.client.call('firmware.choose', {})).firmware)

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
    if (current.value === null) return
    try {
      onDisk.value = await station.client.call('firmware.recheck', { firmwareId: current.value.firmwareId })
    } catch {
      // A restarted engine does not know it yet; the host opens it again and says so.
      onDisk.value = null
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
        if (replaces === null || replaces === current.value?.firmwareId || current.value === null) lay(firmware)
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
    openFile,
    choose,
    reopen,
    recheck,
    forgetRefusal,
    load,
    start,
  }
})
