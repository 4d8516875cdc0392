/** A source of devices that could not be asked, as a way of finding devices that failed. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'

const names: Readonly<Record<DeviceEntry['source'], LocalText>> = {
  mdns: { en: 'Boards that announce themselves', vi: 'Các bo tự thông báo' },
  serial: { en: 'Serial ports', vi: 'Cổng nối tiếp' },
  simulated: { en: 'Virtual boards', vi: 'Bo ảo' },
  remembered: { en: 'Remembered boards', vi: 'Các bo đã nhớ' },
}

export function failedChannel(source: DeviceEntry['source'], fault: unknown): DiscoveryChannel {
  const lastError = (fault instanceof Error ? fault.message : String(fault)).slice(0, 200)
  const name = names[source]
  return {
    id: source,
    source,
    name: name.en,
    state: 'failed',
    queriesSent: 0,
    answersHeard: 0,
    lastHeardAt: null,
    lastError,
    diagnosis: {
      en: `${name.en} cannot be listed: ${lastError}`,
      vi: `Không liệt kê được: ${name.vi} (${lastError})`,
    },
  }
}
