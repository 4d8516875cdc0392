/** What must listen before the app is ready: files handed over by the system, a second start, wishes to quit. */
import { FileInbox, readSecondStart } from './opened-files.ts'
import { lockDownContents, type GuardedContents } from './lock-down.ts'

interface Preventable {
  preventDefault(): void
}

/** What is needed of Electron's `app`. */
export interface ListeningApp {
  on(event: 'open-file', listener: (event: Preventable, path: string) => void): unknown
  on(
    event: 'second-instance',
    listener: (event: unknown, argv: string[], folder: string, data: unknown) => void,
  ): unknown
  on(event: 'web-contents-created', listener: (event: unknown, contents: GuardedContents) => void): unknown
  on(event: 'before-quit', listener: (event: Preventable) => void): unknown
  on(event: 'activate' | 'window-all-closed', listener: () => void): unknown
  on(
    event: 'child-process-gone',
    listener: (
      event: unknown,
      details: { readonly type: string; readonly reason: string; readonly exitCode: number },
    ) => void,
  ): unknown
}

/** What the running program does about it; null until it runs. */
export interface RunningProgram {
  readonly showWindow: () => void
  /** Whether the program may quit now. */
  readonly mayQuit: () => boolean
  readonly requestEnd: () => void
}

export interface BeforeReady {
  readonly inbox: FileInbox
  /** From now on wishes are passed on; a wish to quit that came before has ended the program already. */
  begin(program: RunningProgram): void
}

export function listenBeforeReady(
  app: ListeningApp,
  options: { readonly files: readonly string[]; note(text: string): void },
): BeforeReady {
  const inbox = new FileInbox()
  for (const file of options.files) inbox.add(file)
  let program: RunningProgram | null = null

  app.on('open-file', (event, path) => {
    event.preventDefault()
    inbox.add(path)
    program?.showWindow()
  })
  app.on('second-instance', (_event, _argv, _folder, data) => {
    for (const file of readSecondStart(data).files) inbox.add(file)
    program?.showWindow()
  })
  app.on('activate', () => {
    program?.showWindow()
  })
  app.on('web-contents-created', (_event, contents) => {
    lockDownContents(contents, what => {
      options.note(`refused ${what}`)
    })
  })
  app.on('before-quit', event => {
    if (program === null || program.mayQuit()) return
    event.preventDefault()
    program.requestEnd()
  })
  // Without a listener Electron quits by itself; here the end of the last window is the result of a decision, not its cause.
  app.on('window-all-closed', () => undefined)
  app.on('child-process-gone', (_event, { type, reason, exitCode }) => {
    if (reason !== 'clean-exit') options.note(`a process is gone: ${type}, ${reason}, code ${String(exitCode)}`)
  })
  return {
    inbox,
    begin(running) {
      program = running
    },
  }
}
