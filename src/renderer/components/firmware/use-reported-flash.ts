/** The size of the flash that the device in question reported: the selected one, else the only ticked one. */
import { computed, onScopeDispose, type ComputedRef } from 'vue'
import { useDevices } from '../../stores/devices.ts'
import { useFlashSizes } from '../../stores/flash-sizes.ts'

export function useReportedFlash(): ComputedRef<number | null> {
  const [devices, sizes] = [useDevices(), useFlashSizes()]
  onScopeDispose(sizes.start())
  return computed(() => {
    const [only, ...others] = devices.tickedDevices
    const device = devices.selected ?? (others.length === 0 ? only : undefined)
    return device === undefined ? null : sizes.of(device.target)
  })
}
