/** What the stores know of the world outside the page: typed calls, events, and files that people hand over. */
import type { FirmwareSummary } from '../../shared/contract/index.ts'
import type { Client } from '../../shared/rpc/client.ts'

/** `lost`: the host went away; it is tried again by itself. `refused`: this page may not connect (its address is used up). */
export type LinkState = 'connecting' | 'open' | 'lost' | 'refused'

export interface Station {
  /** Speaks to the host of the moment; subscriptions stay over a lost link. */
  readonly client: Pick<Client, 'call' | 'subscribe'>
  /** Hands a dropped or chosen file to the host, which opens it. @throws {FlashproofError} what is wrong with the file */
  openFile(file: File): Promise<FirmwareSummary>
  /**
   * Hands a host without a file dialog the ELF file that crashes of a serial line are decoded with.
   * @throws {FlashproofError} what is wrong with the file; host.unsupported where the host has its own dialog
   */
  giveElf(target: string, file: File): Promise<void>
  /** Calls `listener` at once and on every change. @returns stops listening */
  onLinkState(listener: (state: LinkState) => void): () => void
}

let current: Station | null = null

/** Chooses the station that every store of this page speaks to; tests give their own. */
export function setStation(station: Station): void {
  current = station
}

export function useStation(): Station {
  if (current === null) throw new Error('the page has no station yet')
  return current
}
