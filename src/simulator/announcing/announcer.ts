/** Announces virtual devices over mDNS on one network, answers who asks for them, and says goodbye at the end. */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { FlashproofError } from '../../shared/errors.ts'
import { readQuestions, writeAnswer, type DnsQuestion, type DnsRecord } from './dns-message.ts'
import type { AnnouncedService } from './services.ts'

const GROUP = '224.0.0.251'
const PORT = 5353
/** RFC 6762, 8.3: at least twice, a second apart. */
const ANNOUNCE_AGAIN_MS = 1_000
/** RFC 6762, 10: records that hold an address or a host name, and the others. */
const HOST_TTL_SECONDS = 120
const OTHER_TTL_SECONDS = 4_500
const ALL_TYPES = '_services._dns-sd._udp.local'

export interface Announcer {
  /** Says goodbye. */
  close(): Promise<void>
}

/**
 * The IPv4 address that an interface has, or the address itself.
 * @param place `eth0`, or an address of this computer
 * @throws {FlashproofError} option.invalid
 */
export function addressOfInterface(place: string): string {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const found = addresses.find(({ family, address }) => family === 'IPv4' && (name === place || address === place))
    if (found !== undefined) return found.address
  }
  throw new FlashproofError('option.invalid', `this computer has no interface or IPv4 address “${place}”`, {
    option: 'announce',
  })
}

/** @param address of the interface; the services may be at other addresses of this computer */
export async function announce(services: readonly AnnouncedService[], address: string): Promise<Announcer> {
  const socket = await open(address)
  const everything = services.flatMap(recordsOf)
  socket.on('message', message => {
    const answers = readQuestions(message).flatMap(question => answersTo(question, services))
    if (answers.length > 0) void send(socket, answers)
  })
  await send(socket, everything)
  const again = setTimeout(() => void send(socket, everything), ANNOUNCE_AGAIN_MS)
  again.unref()
  return {
    async close() {
      clearTimeout(again)
      await send(
        socket,
        everything.map(record => ({ ...record, ttlSeconds: 0 })),
      )
      await new Promise<void>(resolve => {
        socket.close(() => {
          resolve()
        })
      })
    },
  }
}

function open(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    socket.once('error', reject)
    // Bound to the address itself, a socket hears no multicast on Linux.
    socket.bind(PORT, '0.0.0.0', () => {
      socket.off('error', reject)
      // A packet that cannot be sent is a packet lost; the next question asks for it again.
      socket.on('error', () => undefined)
      socket.addMembership(GROUP, address)
      socket.setMulticastInterface(address)
      socket.setMulticastTTL(255)
      resolve(socket)
    })
  })
}

function send(socket: Socket, records: readonly DnsRecord[]): Promise<void> {
  return new Promise(resolve => {
    socket.send(writeAnswer(records), PORT, GROUP, () => {
      resolve()
    })
  })
}

function answersTo({ name, type }: DnsQuestion, services: readonly AnnouncedService[]): DnsRecord[] {
  const isWanted = (record: DnsRecord): boolean => type === 'ANY' || type === record.type
  return services.flatMap(service => {
    const records = recordsOf(service)
    const asked = records.filter(record => record.name.toLowerCase() === name && isWanted(record))
    // Whoever looks for a type wants the rest with it.
    return asked.some(record => record.type === 'PTR') ? records : asked
  })
}

function recordsOf({ instance, type, host, address, port, txt }: AnnouncedService): DnsRecord[] {
  const typeName = `${type}.local`
  const instanceLabels = [instance, ...typeName.split('.')]
  const instanceName = instanceLabels.join('.')
  const hostName = `${host}.local`
  return [
    { type: 'PTR', name: typeName, ttlSeconds: OTHER_TTL_SECONDS, target: instanceLabels },
    { type: 'SRV', name: instanceName, labels: instanceLabels, ttlSeconds: HOST_TTL_SECONDS, port, host: hostName },
    { type: 'TXT', name: instanceName, labels: instanceLabels, ttlSeconds: OTHER_TTL_SECONDS, entries: txt },
    { type: 'A', name: hostName, ttlSeconds: HOST_TTL_SECONDS, address },
    { type: 'PTR', name: ALL_TYPES, ttlSeconds: OTHER_TTL_SECONDS, target: typeName.split('.') },
  ]
}
