/** What a format has to know to be exported: its beginning, a record, its end. The manifest is the same for all. */
import type { Database } from '../sqlite.ts'
import type { Manifest } from './manifest.ts'
import type { SealedJob } from './record-source.ts'

export interface ExportScope {
  readonly database: Database
  /** Known before the first record, the number of records included. */
  readonly manifest: Manifest
  /** Every exported record again, for a format that shows them more than once. */
  records(): Iterable<SealedJob>
}

export interface ExportWriter {
  begin(scope: ExportScope): Iterable<string>
  record(job: SealedJob, scope: ExportScope): Iterable<string>
  end(scope: ExportScope): Iterable<string>
}
