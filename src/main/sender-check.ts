/** Tells messages of the window's own page from those of anything else that may have got into a window. */
import { isPageAddress } from './page-address.ts'

/** What the check needs of Electron's `WebFrameMain`. */
export interface SendingFrame {
  readonly url: string
  /** Null for the topmost frame of a window. */
  readonly parent: unknown
}

/** Only the topmost frame of the page may ask; a frame that is gone already (null) may not. */
export function isOurPage(frame: SendingFrame | null | undefined): boolean {
  return frame?.parent === null && isPageAddress(frame.url)
}
