/** What is known of the proof that the ticked devices can give: by their own answers, else by the protocol's words. */
import { computed, type ComputedRef } from 'vue'
import { useDevices } from '../../stores/devices.ts'
import { useOrder } from '../../stores/order.ts'
import { useReview } from '../../stores/review.ts'
import { commonReach, type AnyReach } from '../../transfer/protocol-fit.ts'

export interface KnownReach {
  readonly reach: AnyReach | null
  readonly who: 'thisDevice' | 'theseDevices' | 'thisProtocol'
}

export function useKnownReach(): ComputedRef<KnownReach> {
  const [devices, order, review] = [useDevices(), useOrder(), useReview()]
  return computed(() => {
    const answered = devices.tickedDevices.flatMap(({ target }) => review.ofTarget(target)?.reach ?? [])
    const reach = commonReach(answered)
    if (reach !== null) return { reach, who: answered.length === 1 ? 'thisDevice' : 'theseDevices' }
    return { reach: order.descriptor?.reach ?? null, who: 'thisProtocol' }
  })
}
