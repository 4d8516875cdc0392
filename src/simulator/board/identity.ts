/** Who a virtual board says it is. */

export interface VirtualIdentity {
  /** What it calls itself on the network. */
  readonly id: string
  readonly mac: string
  readonly chip: string
  readonly board: string
  /** What a person reads in a list. */
  readonly name: string
}
