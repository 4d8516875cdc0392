/** Listens for boards on one network interface: asks, hears, counts, and says what is wrong. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { isoWithZone, type Clock } from '../clock.ts'
import { MdnsCache, type Question } from './mdns-cache.ts'
import { serviceKinds } from './mdns-services.ts'
import type { MdnsSocket, OpenMdnsSocket } from './mdns-socket.ts'
import { startPeriodic } from './periodic.ts'

/** One answer may be lost: asked again soon, then about once a minute. */
const QUERY_PAUSES_MS = [1_000, 2_000, 6_000, 60_000]
const QUIET_QUERIES = 3
const FOLLOW_UP_MS = 250

export interface InterfaceAddress {
  readonly name: string
  readonly address: string
  readonly netmask: string
}

export interface MdnsInterface {
  devices(): DeviceEntry[]
  channel(): DiscoveryChannel
  refresh(): void
  close(): Promise<void>
}

/** @param isOurs whether a packet from this address came in on this interface */
export function listenOn(
  { name, address }: InterfaceAddress,
  {
    clock,
    open,
    isOurs,
    onChanged,
  }: {
    clock: Clock
    open: OpenMdnsSocket
    isOurs: (referer: string) => boolean
    onChanged: () => void
  },
): MdnsInterface {
  const end = new AbortController()
  const cache = new MdnsCache(name)
  let socket: MdnsSocket | null = null
  let fault: Error | null = null
  let [queriesSent, answersHeard] = [0, 0]
  let lastHeardAt: string | null = null
  let isFollowingUp = false

  const fail = (error: Error): void => {
    fault = error
    onChanged()
  }
  const ask = (questions: readonly Question[]): void => {
    socket?.query(questions, error => {
      if (error === null) {
        queriesSent++
        fault = null
      } else fault = error
      onChanged()
    })
  }
  const followUp = (): void => {
    if (isFollowingUp || cache.missing().length === 0) return
    isFollowingUp = true
    clock.delay(FOLLOW_UP_MS, end.signal).then(
      () => {
        isFollowingUp = false
        const questions = cache.missing()
        if (questions.length > 0) ask(questions)
      },
      () => undefined,
    )
  }
  const openOnce = async (): Promise<void> => {
    socket = await open(address, {
      onFault: fail,
      onRecords: (records, referer) => {
        if (!isOurs(referer)) return
        const at = isoWithZone(clock.nowMs())
        if (cache.hear(records, referer, at, clock.monotonicMs()) > 0) {
          answersHeard++
          lastHeardAt = at
          followUp()
        }
        onChanged()
      },
    })
  }
  const periodic = startPeriodic(clock, QUERY_PAUSES_MS, async () => {
    try {
      if (socket === null) await openOnce()
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (!end.signal.aborted) ask([...serviceKinds.map(kind => question(kind.type)), ...cache.missing()])
  })
  return {
    devices: () => cache.devices(clock.monotonicMs()),
    channel: () => ({
      id: `mdns:${name}:${address}`,
      source: 'mdns',
      name: interfaceLabel(name),
      state: fault === null ? 'listening' : 'failed',
      queriesSent,
      answersHeard,
      lastHeardAt,
      diagnosis: diagnose(fault, queriesSent, answersHeard),
    }),
    refresh: () => {
      periodic.hurry()
    },
    close: async () => {
      end.abort()
      await periodic.stop()
      await socket?.close()
    },
  }
}

function question(type: string): Question {
  return { name: `${type}.local`, type: 'PTR' }
}

function interfaceLabel(name: string): string {
  if (/^(wl|wi-?fi)/i.test(name)) return `Wi-Fi (${name})`
  return /^(eth|enp|eno|ens|enx)/i.test(name) ? `Ethernet (${name})` : name
}

function diagnose(fault: Error | null, queriesSent: number, answersHeard: number): LocalText | null {
  const code = fault !== null && 'code' in fault ? String(fault.code) : ''
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    return {
      en: `Another program keeps UDP port 5353 for itself (${code}). Close it, or add devices by their address.`,
      vi: `Một chương trình khác chiếm riêng cổng UDP 5353 (${code}). Hãy đóng nó, hoặc thêm thiết bị bằng địa chỉ.`,
    }
  }
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH' || code === 'EPERM') {
    return {
      en: `This network lets no multicast out (${code}). A VPN or a firewall may hold it; add devices by their address.`,
      vi: `Mạng này không cho gửi multicast (${code}). Có thể do VPN hoặc tường lửa; hãy thêm thiết bị bằng địa chỉ.`,
    }
  }
  if (fault !== null) {
    const text = fault.message.slice(0, 200)
    return {
      en: `This network adapter cannot be listened on: ${text}. Add devices by their address.`,
      vi: `Không lắng nghe được trên bộ điều hợp mạng này: ${text}. Hãy thêm thiết bị bằng địa chỉ.`,
    }
  }
  if (answersHeard > 0 || queriesSent < QUIET_QUERIES) return null
  return {
    en: `Nothing answered ${String(queriesSent)} queries. Are the boards on this network, and is UDP 5353 allowed by the firewall?`,
    vi: `Không có trả lời nào cho ${String(queriesSent)} lần hỏi. Các bo có ở mạng này không, và tường lửa có cho UDP 5353 không?`,
  }
}
