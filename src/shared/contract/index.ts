export * from './models.ts'
export * from './record.ts'
export * from './commands.ts'
export * from './events.ts'
