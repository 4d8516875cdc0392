/** What a job was ordered to do: all that is needed to start it, or to go on with it in another process. */
import { z } from 'zod'
import { EvidenceLevel, ImageSegment, Inspection } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'

export const StoredOrder = z.object({
  orderVersion: z.literal(1),
  /** Where the board was when the job was ordered. */
  target: z.string(),
  /** The name or `mac:…` by which it was ordered, so that a board that moved is found again; null: by its address. */
  orderedAs: z.string().nullable().default(null),
  /** Of the board that its name or `mac:…` meant: no other one gets a byte; null: whichever answers there. */
  orderedMac: z.string().nullable().default(null),
  /** Null: found out by probing. */
  protocol: z.string().nullable(),
  /** Checked values without secrets. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  image: z.object({
    fileName: z.string(),
    sha256: z.string(),
    sizeBytes: z.number().int(),
    baseAddress: z.number().int().nullable(),
    /** Where data lies in the flat image, for protocols that leave gaps alone; absent: all of it is data. */
    segments: z.array(ImageSegment).optional(),
    inspection: Inspection,
  }),
  required: EvidenceLevel.nullable(),
  context: z.record(z.string(), z.string()),
  accept: z.array(z.string()),
  acceptedBy: z.string(),
  waitDeviceMs: z.number().int(),
  isDryRun: z.boolean(),
})
export type StoredOrder = z.infer<typeof StoredOrder>

/** Reads an order back from the journal. @throws {FlashproofError} job.resume-refused */
export function parseStoredOrder(jobId: string, stored: unknown): StoredOrder {
  const result = StoredOrder.safeParse(stored)
  if (result.success) return result.data
  throw new FlashproofError('job.resume-refused', `what job ${jobId} was to do cannot be read back`, {
    jobId,
    issues: result.error.issues.map(issue => issue.message),
  })
}
