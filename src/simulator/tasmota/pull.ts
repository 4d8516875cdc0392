/** How a Tasmota device fetches firmware from a URL by itself. */
import { get, type IncomingMessage } from 'node:http'

export interface Pull {
  /** Called with the bytes as they arrive. */
  onPiece(piece: Buffer): void
  /** @param isWhole whether every announced byte arrived with status 200 */
  onEnd(isWhole: boolean): void
}

/** Virtual devices speak to their own computer alone. */
const LOOPBACK = /^(127(\.\d+){3}|localhost|\[::1\])$/

/** @returns what ends it at once; null for a URL that is none, or of another computer */
export function pullFirmware(url: string, pull: Pull): (() => void) | null {
  if (!URL.canParse(url)) return null
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'http:' || !LOOPBACK.test(hostname)) return null
  let isOver = false
  const end = (isWhole: boolean): void => {
    if (isOver) return
    isOver = true
    pull.onEnd(isWhole)
  }
  const request = get(url, { agent: false }, (answer: IncomingMessage) => {
    answer.on('data', (piece: Buffer) => {
      if (!isOver && answer.statusCode === 200) pull.onPiece(piece)
    })
    answer.on('end', () => end(answer.statusCode === 200 && answer.complete))
    answer.on('error', () => end(false))
  })
  request.on('error', () => end(false))
  return () => {
    isOver = true
    request.destroy()
  }
}
