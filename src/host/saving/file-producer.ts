/** Makes the files that a page wants saved, each in a temporary folder of its own until its host has delivered it. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogFilter, SaveRequest } from '../../shared/contract/index.ts'
import { FlashproofError } from '../../shared/errors.ts'
import type { Engine } from '../engine.ts'
import { homeFoldersOf } from '../home-folders.ts'
import { dateStamp, safeFileName } from './file-names.ts'
import { writeJobLog } from './job-log.ts'
import { writeSerialLines } from './serial-lines.ts'
import { collectServiceReport, renderServiceReport } from './service-report.ts'
import { collectSupportBundle } from './support-bundle.ts'
import { writeZip } from './zip.ts'

export interface ProducedFile {
  readonly path: string
  /** What to offer as its name. */
  readonly fileName: string
  readonly mediaType: string
  /** `print`: an HTML page that is wanted as a PDF; `fileName` is the PDF's. */
  readonly use: 'save' | 'print'
  /** Removes the file and its folder. Without effect the second time. */
  discard(): Promise<void>
}

export interface FileProducerOptions {
  readonly engine: Pick<Engine, 'client' | 'state'>
  readonly home: string
  readonly version: string
  readonly now: () => Date
}

/** What one request becomes, before it lies in a folder. */
interface Draft {
  /** Without an ending. */
  readonly name: string
  readonly ending: 'csv' | 'jsonl' | 'json' | 'html' | 'txt' | 'zip'
  readonly use: ProducedFile['use']
  readonly write: (path: string) => Promise<void>
}

const mediaTypes: Readonly<Record<Draft['ending'], string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
  json: 'application/json; charset=utf-8',
  html: 'text/html; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  zip: 'application/zip',
}

/** A host that was killed leaves its temporary files; after this nobody fetches them any more. */
const STALE_MS = 24 * 60 * 60_000

export class FileProducer {
  readonly #options: FileProducerOptions
  readonly #temporary: string
  readonly #folders = new Set<string>()

  constructor(options: FileProducerOptions) {
    this.#options = options
    this.#temporary = homeFoldersOf(options.home).temporary
  }

  /** @throws {FlashproofError} job.not-found, journal.*, file.not-writable, file.disk-full, worker.*, call.aborted */
  async produce(request: SaveRequest, signal: AbortSignal): Promise<ProducedFile> {
    const draft = await this.#draft(request, signal)
    const folder = await this.#makeFolder()
    const discard = async (): Promise<void> => {
      this.#folders.delete(folder)
      await rm(folder, { recursive: true, force: true })
    }
    const path = join(folder, `${draft.name}.${draft.ending}`)
    try {
      await draft.write(path)
      signal.throwIfAborted()
    } catch (thrown) {
      await discard()
      throw asFileError(thrown, path)
    }
    const fileName = `${draft.name}.${draft.use === 'print' ? 'pdf' : draft.ending}`
    return { path, fileName, mediaType: mediaTypes[draft.ending], use: draft.use, discard }
  }

  /** Removes every file that was not discarded yet. */
  async close(): Promise<void> {
    await Promise.all([...this.#folders].map(folder => rm(folder, { recursive: true, force: true })))
    this.#folders.clear()
  }

  async #draft(request: SaveRequest, signal: AbortSignal): Promise<Draft> {
    const { client } = this.#options.engine
    const stamp = dateStamp(this.#options.now())
    switch (request.kind) {
      case 'export':
        return this.#exportDraft(request.format, request.filter, signal)
      case 'service-report': {
        const report = await collectServiceReport(client, { ...request, now: this.#options.now() }, signal)
        const html = renderServiceReport(report)
        const subject = report.isPractice ? 'practice' : (report.order ?? '')
        return {
          name: safeFileName(['flashproof-service-report', subject, stamp]),
          ending: 'html',
          use: request.format === 'pdf' ? 'print' : 'save',
          write: path => writeFile(path, html),
        }
      }
      case 'job-log': {
        const shown = await client.call('log.show', { jobId: request.jobId }, { signal })
        return {
          name: safeFileName(['flashproof-job', request.jobId]),
          ending: 'txt',
          use: 'save',
          write: path => writeFile(path, writeJobLog(shown.entry.snapshot, shown.lines)),
        }
      }
      case 'serial-lines': {
        const { target } = request
        const { entries } = await client.call('monitor.history', { target }, { signal })
        return {
          name: safeFileName(['flashproof-lines', target, stamp]),
          ending: 'txt',
          use: 'save',
          write: path => writeFile(path, writeSerialLines(target, entries)),
        }
      }
      case 'devices': {
        const { csv } = await client.call('device.export', {}, { signal })
        return {
          name: safeFileName(['flashproof-devices', stamp]),
          ending: 'csv',
          use: 'save',
          write: path => writeFile(path, csv),
        }
      }
      case 'support-bundle':
        return {
          name: safeFileName(['flashproof-support', stamp]),
          ending: 'zip',
          use: 'save',
          write: async path => {
            const entries = await collectSupportBundle(this.#options, signal)
            await writeFile(path, writeZip(entries, this.#options.now()))
          },
        }
    }
  }

  #exportDraft(
    format: Extract<SaveRequest, { kind: 'export' }>['format'],
    filter: LogFilter | undefined,
    signal: AbortSignal,
  ): Draft {
    const written = format === 'pdf' ? 'html' : format
    const subject = filter?.practice === true ? 'flashproof-practice-log' : 'flashproof-log'
    return {
      name: safeFileName([subject, filter?.order ?? '', dateStamp(this.#options.now())]),
      ending: written,
      use: format === 'pdf' ? 'print' : 'save',
      write: async path => {
        const wanted = filter === undefined ? {} : { filter }
        await this.#options.engine.client.call(
          'log.export',
          { format: written, outputPath: path, ...wanted },
          { signal },
        )
      },
    }
  }

  async #makeFolder(): Promise<string> {
    try {
      await mkdir(this.#temporary, { recursive: true, mode: 0o700 })
      await removeStale(this.#temporary, this.#options.now().getTime())
      const folder = await mkdtemp(join(this.#temporary, 'file-'))
      this.#folders.add(folder)
      return folder
    } catch (thrown) {
      throw asFileError(thrown, this.#temporary)
    }
  }
}

async function removeStale(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    // Another call may be removing its own folder at this moment.
    const found = await stat(path).catch(() => null)
    if (found !== null && nowMs - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}

function asFileError(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown) || thrown instanceof FlashproofError) return thrown
  const isFull = thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT'
  const code = isFull ? 'file.disk-full' : 'file.not-writable'
  return new FlashproofError(code, `${path} cannot be written: ${thrown.message}`, { path }, { cause: thrown })
}
