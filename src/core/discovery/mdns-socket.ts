/** One multicast socket of `bonjour-service` on one interface, with its packets made plain and its faults kept in. */
import { createSocket } from 'node:dgram'
import { z } from 'zod'
import type { HeardRecord, Question } from './mdns-cache.ts'

export interface MdnsSocket {
  /** @param done with the fault of sending, or null */
  query(questions: readonly Question[], done: (fault: Error | null) => void): void
  close(): Promise<void>
}

export interface MdnsListener {
  /** @param referer the sender, a link-local one with its zone */
  onRecords(records: HeardRecord[], referer: string): void
  /** Somebody asked, as a rule this computer itself: what it sends to all comes back to it. */
  onQuery(): void
  onFault(fault: Error): void
  /** The adapter takes part in multicast, or says why not. Tried again by itself. */
  onJoined(fault: Error | null): void
}

/** @param address of the interface; `::%ZONE` for IPv6 */
export type OpenMdnsSocket = (address: string, listener: MdnsListener) => Promise<MdnsSocket>

const Packet = z.object({ answers: z.array(z.unknown()), additionals: z.array(z.unknown()) })
const base = { name: z.string(), ttl: z.number() }
const WireRecord = z.discriminatedUnion('type', [
  z.object({ ...base, type: z.literal('PTR'), data: z.string() }),
  z.object({ ...base, type: z.literal('A'), data: z.string() }),
  z.object({ ...base, type: z.literal('AAAA'), data: z.string() }),
  z.object({ ...base, type: z.literal('SRV'), data: z.object({ target: z.string(), port: z.number() }) }),
  z.object({
    ...base,
    type: z.literal('TXT'),
    data: z.union([z.array(z.union([z.instanceof(Uint8Array), z.string()])), z.instanceof(Uint8Array), z.string()]),
  }),
])

/** The emitter inside a `Bonjour`: its types do not tell of it, and only through it do faults become known. */
interface InnerMdns {
  on(event: 'response', listener: (packet: unknown, from: { address: string }) => void): void
  on(event: 'query' | 'networkInterface', listener: () => void): void
  on(event: 'error' | 'warning', listener: (fault: Error) => void): void
  query(packet: { questions: Question[] }, done: (fault: Error | null | undefined) => void): void
}

/** @throws nothing later: what goes wrong after opening comes to `onFault` */
export const openMdnsSocket: OpenMdnsSocket = async (address, listener) => {
  const { Bonjour } = await import('bonjour-service')
  // The types know none of these options.
  const options = socketOptions(address) as Record<string, unknown>
  const bonjour = new Bonjour(options, (fault: Error) => {
    listener.onFault(fault)
  })
  // The library declares `server` private, yet nobody else listens to its `error` event, which would end the process.
  const { mdns } = (bonjour as unknown as { server: { mdns: InnerMdns } }).server
  mdns.on('error', fault => {
    listener.onFault(fault)
  })
  mdns.on('warning', fault => {
    // A packet that cannot be read is the sender's fault, not this interface's.
    if (!('syscall' in fault)) return
    if (fault.syscall === 'addMembership' || fault.syscall === 'setMulticastInterface') listener.onJoined(fault)
    else listener.onFault(fault)
  })
  mdns.on('networkInterface', () => {
    listener.onJoined(null)
  })
  mdns.on('query', () => {
    listener.onQuery()
  })
  mdns.on('response', (packet, from) => {
    listener.onRecords(readPacket(packet), from.address)
  })
  return {
    query(questions, done) {
      try {
        mdns.query({ questions: [...questions] }, fault => {
          done(fault ?? null)
        })
      } catch (fault) {
        done(fault instanceof Error ? fault : new Error(String(fault)))
      }
    },
    close: () =>
      new Promise(resolve => {
        try {
          bonjour.destroy(resolve)
        } catch {
          // A socket that never opened cannot be closed.
          resolve()
        }
      }),
  }
}

/** `bind` beside `interface`: bound to the address itself, a socket hears no multicast on Linux. */
function socketOptions(address: string): object {
  if (!address.includes(':')) return { interface: address, bind: '0.0.0.0' }
  // A socket that took IPv4 as well would hear everything twice.
  const socket = createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true })
  return { type: 'udp6', ip: 'ff02::fb', interface: address, bind: '::', socket }
}

/** The records that we understand; the rest of a packet is skipped. */
export function readPacket(packet: unknown): HeardRecord[] {
  const parsed = Packet.safeParse(packet)
  if (!parsed.success) return []
  return [...parsed.data.answers, ...parsed.data.additionals].flatMap(raw => {
    const read = WireRecord.safeParse(raw)
    if (!read.success) return []
    const { name, type, ttl: ttlSeconds } = read.data
    const plain = { name, type, ttlSeconds, value: '', port: 0, txt: new Map<string, string>() }
    if (read.data.type === 'SRV') return [{ ...plain, value: read.data.data.target, port: read.data.data.port }]
    if (read.data.type === 'TXT') return [{ ...plain, txt: readTxt(read.data.data) }]
    return [{ ...plain, value: read.data.data }]
  })
}

function readTxt(data: string | Uint8Array | readonly (string | Uint8Array)[]): Map<string, string> {
  const parts = Array.isArray(data) ? data : [data]
  const txt = new Map<string, string>()
  for (const part of parts as readonly (string | Uint8Array)[]) {
    const text = typeof part === 'string' ? part : Buffer.from(part).toString('utf8')
    const [, key, value] = /^([^=]+)=?(.*)$/s.exec(text) ?? []
    // The first of a key counts (RFC 6763).
    if (key !== undefined && !txt.has(key.toLowerCase())) txt.set(key.toLowerCase(), value ?? '')
  }
  return txt
}
