/** What a service that a board announces over mDNS says, and how a protocol tells what it surely means. */
import type { LocalText } from '../../shared/messages/index.ts'

/** What one announced service said, with names as they were announced. */
export interface Announcement {
  /** As on the wire, in lower case and without `.local`, such as `_http._tcp`. */
  readonly type: string
  readonly instance: string
  readonly port: number
  /** Keys in lower case. */
  readonly txt: ReadonlyMap<string, string>
}

/** Where a protocol is spoken on the board that announces. */
export interface AnnouncedEndpoint {
  readonly scheme: 'http' | 'tcp' | 'udp'
  readonly port: number
  /** Prefix of every request path, beginning with a slash; nothing where not given. */
  readonly path?: string
  /** What else the announcement says that a technician wants to know, such as that a password is needed. */
  readonly notes?: readonly LocalText[]
}

/** One protocol's reading of announcements. */
export interface AnnouncementReader {
  readonly protocol: string
  /** How much the protocol can prove at best: of several that a board announces, the highest says where it is. */
  readonly rank: number
  /** Null unless the announcement alone makes it certain that the protocol is spoken there. */
  read(service: Announcement): AnnouncedEndpoint | null
}
