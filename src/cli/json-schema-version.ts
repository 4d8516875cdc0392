/** The version of the JSON that the command line prints. */
import type { SCHEMA_VERSION } from '../shared/contract/index.ts'

// The contract's constant as a type alone: its module brings schemas that no start of the command line should wait for.
export const SCHEMA: typeof SCHEMA_VERSION = 1
