/** The address at which the virtual boards of this process listen: the computer's own loop, unless the process was told to be on a network. */

let current = '127.0.0.1'

export function listenAddress(): string {
  return current
}

/** Before the first board is started: boards that run stay where they are. */
export function listenAt(address: string): void {
  current = address
}
