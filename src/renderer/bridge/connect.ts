/** Chooses the way to the host: the desktop app's preload where there is one, else the WebSocket of the browser mode. */
import type { Station } from './bridge.ts'
import { connectDesktop, type DesktopBridge } from './desktop-station.ts'
import { connectBrowser } from './browser-station.ts'

export function connectStation(page: Window & { readonly station?: DesktopBridge }): Station {
  return page.station === undefined ? connectBrowser(page) : connectDesktop(page.station)
}
