/** The contract in one place: models, the record, the table of commands, the table of events. */
export * from './models.ts'
export * from './record.ts'
export * from './commands.ts'
export * from './events.ts'
