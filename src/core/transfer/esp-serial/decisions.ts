/** Codes of the questions that `esp-serial` asks: what `--accept` names. */

/** The app that starts is written over in place. */
export const OVERWRITE_RUNNING = 'overwrite-running-app'
/** What the board starts from is written over with what is no program. */
export const OVERWRITE_START = 'overwrite-start'
/** The partition table becomes another one; what it no longer names is lost. */
export const CHANGE_TABLE = 'change-partition-table'
/** Whole partitions are erased first. */
export const ERASE_REGION = 'erase-region'
/** The whole chip is erased first. */
export const ERASE_CHIP = 'erase-chip'
/** The chip starts signed programs only, or keeps its flash encrypted. */
export const PROTECTED_CHIP = 'write-protected-chip'
