/** Says what is wrong on an interface on which boards are listened for, and what to do, in a sentence. */
import type { LocalText } from '../../shared/messages/index.ts'

/** A single query may be lost; after three the silence means something. */
const QUIET_QUERIES = 3

export interface InterfaceFacts {
  /** Why it could not be opened or sent on; null when it could. */
  readonly fault: Error | null
  /** Why the adapter takes no part in multicast; null when it does. */
  readonly refusal: Error | null
  readonly queriesSent: number
  /** Packets with boards in them. */
  readonly answersHeard: number
  /** Packets of any kind, this computer's own queries included. */
  readonly packetsHeard: number
  /** By which other adapter this computer would send to the boards of this network; null when by this one. */
  readonly routeVia: string | null
  /** The address that the interface had before; null when it did not change. */
  readonly formerAddress: string | null
  readonly address: string
}

/** @returns null when nothing is wrong */
export function diagnoseInterface(facts: InterfaceFacts): LocalText | null {
  const { fault, refusal, routeVia, answersHeard, queriesSent, packetsHeard, formerAddress, address } = facts
  if (fault !== null) return diagnoseFault(fault)
  if (refusal !== null) return diagnoseRefusal(refusal)
  // Boards may be heard and still not be reachable.
  if (routeVia !== null) return diagnoseRoute(routeVia, address)
  if (answersHeard > 0 || queriesSent < QUIET_QUERIES) return null
  const sent = String(queriesSent)
  if (packetsHeard === 0) {
    return {
      en: `Nothing answered ${sent} queries, and not even this computer’s own came back: its firewall holds UDP port 5353. Allow it for Flashproof, or add devices by their address.`,
      vi: `Không có trả lời nào cho ${sent} lần hỏi, và cả gói của chính máy này cũng không quay về: tường lửa chặn cổng UDP 5353. Hãy cho phép Flashproof, hoặc thêm thiết bị bằng địa chỉ.`,
    }
  }
  if (formerAddress !== null) {
    return {
      en: `The address of this computer changed from ${formerAddress} to ${address}, and nothing answered ${sent} queries since: it may be on another Wi-Fi than the boards.`,
      vi: `Địa chỉ của máy này đổi từ ${formerAddress} sang ${address}, và từ đó không có trả lời nào cho ${sent} lần hỏi: có thể máy đang ở mạng Wi-Fi khác với các bo.`,
    }
  }
  return {
    en: `Nothing answered ${sent} queries. Are the boards on this network, and is UDP 5353 allowed by the firewall?`,
    vi: `Không có trả lời nào cho ${sent} lần hỏi. Các bo có ở mạng này không, và tường lửa có cho UDP 5353 không?`,
  }
}

/** @param since ISO 8601, when it was seen to be gone */
export function diagnoseGone(address: string, since: string): LocalText {
  const at = since.slice(11, 19)
  return {
    en: `This computer left this network at ${at}: its address ${address} is gone. Boards that were heard here cannot be reached until it is back.`,
    vi: `Máy này đã rời mạng này lúc ${at}: địa chỉ ${address} không còn. Không thể tới các bo đã nghe ở đây cho đến khi máy quay lại.`,
  }
}

function diagnoseFault(fault: Error): LocalText {
  const code = codeOf(fault)
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
  const text = fault.message.slice(0, 200)
  return {
    en: `This network adapter cannot be listened on: ${text}. Add devices by their address.`,
    vi: `Không lắng nghe được trên bộ điều hợp mạng này: ${text}. Hãy thêm thiết bị bằng địa chỉ.`,
  }
}

function diagnoseRefusal(refusal: Error): LocalText {
  const why = codeOf(refusal) || refusal.message.slice(0, 200)
  return {
    en: `This network adapter refuses multicast (${why}), so boards cannot be heard on it. Add devices by their address.`,
    vi: `Bộ điều hợp mạng này từ chối multicast (${why}), nên không nghe được bo nào ở đây. Hãy thêm thiết bị bằng địa chỉ.`,
  }
}

function diagnoseRoute(routeVia: string, address: string): LocalText {
  return {
    en: `What this computer sends to the network of ${address} leaves by ${routeVia}: a VPN owns the route. End the VPN, or let it leave the local network alone.`,
    vi: `Những gì máy này gửi tới mạng của ${address} lại đi qua ${routeVia}: một VPN đang giữ tuyến. Hãy tắt VPN, hoặc cho VPN bỏ qua mạng nội bộ.`,
  }
}

function codeOf(fault: Error): string {
  return 'code' in fault ? String(fault.code) : ''
}
