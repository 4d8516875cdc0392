/** Verification of the log: of this station's journal, and of an export from anywhere. */
export { verifyExport } from './verify-export.ts'
export { verifyJournal, type VerifyJournalOptions } from './verify-journal.ts'
