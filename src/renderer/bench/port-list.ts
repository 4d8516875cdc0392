/** A list of ports as a person types it: `80, 8080 5000`. Pure. */

export const MOST_PORTS = 16

/** @returns each port once, in the order typed; none for an empty text, null where something is no port or they are too many */
export function parsePorts(typed: string): readonly number[] | null {
  const words = typed.split(/[\s,;]+/).filter(word => word !== '')
  const ports = [...new Set(words.map(word => (/^\d{1,5}$/.test(word) ? Number(word) : 0)))]
  const areRight = ports.length <= MOST_PORTS && ports.every(port => port >= 1 && port <= 65_535)
  return areRight ? ports : null
}
