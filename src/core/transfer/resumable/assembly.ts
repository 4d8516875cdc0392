/** What the server made of the upload, asked after the last chunk: joined, with which size, or that nobody can tell. */
import { asFlashproofError } from '../../../shared/errors.ts'
import type { HttpAnswer } from '../../links/http-client.ts'
import type { RequestSender } from '../../links/http-auth.ts'
import type { ChunkSet } from '../chunk-set.ts'
import { isTransient, retryDelayMs } from '../retry.ts'
import { patiently } from '../telemetry-questions.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import { readSummary, readTest, summaryRequest, testRequest, type SummaryAnswer, type UploadPlan } from './requests.ts'

export type Assembly =
  | { readonly kind: 'complete'; readonly sizeBytes: number | null }
  /** The server knows of the upload and does not have it whole. */
  | { readonly kind: 'not-whole' }
  /** `parts`: it holds every chunk; `nothing`: it answers to no question; `silent`: it did not answer at all. */
  | { readonly kind: 'cannot-tell'; readonly why: 'parts' | 'nothing' | 'silent' }

export interface AssemblyQuestions {
  readonly client: RequestSender
  readonly context: TransferContext
  readonly plan: UploadPlan
  /** Whether the server is asked for single chunks. */
  readonly hasTests: boolean
}

/** The question without a chunk. @throws {FlashproofError} network.* */
export async function askSummary({ client, context, plan }: AssemblyQuestions): Promise<SummaryAnswer> {
  return readSummary(await ask(client, context, summaryRequest(plan)))
}

/** The question for one chunk. @throws {FlashproofError} network.* */
export async function askChunk(
  { client, context, plan }: AssemblyQuestions,
  chunk: { readonly index: number; readonly sizeBytes: number },
): Promise<ReturnType<typeof readTest>> {
  return readTest(await ask(client, context, testRequest(plan, chunk)))
}

/** Asks until the server says that it joined the file, or as long as joining may take. */
export async function findOutAssembly(questions: AssemblyQuestions, chunks: ChunkSet): Promise<Assembly> {
  const { context, plan } = questions
  const { clock, retryPolicy, random, signal } = context
  const deadlineMs =
    clock.monotonicMs() + retryPolicy.completionFloorMs + plan.sizeBytes / retryPolicy.completionBytesPerMs
  try {
    for (let attempt = 1; ; attempt++) {
      const seen = await patiently(context, 'upload', () => askSummary(questions), deadlineMs)
      if (seen.kind === 'complete') return seen
      if (seen.kind === 'cannot-tell') return await askAllChunks(questions, chunks)
      // A part that is gone does not come back by waiting.
      const isLacking = seen.kind === 'in-progress' && (seen.chunksPresent ?? plan.totalChunks) < plan.totalChunks
      if (isLacking || attempt >= retryPolicy.tries || clock.monotonicMs() >= deadlineMs) return { kind: 'not-whole' }
      await clock.delay(retryDelayMs(retryPolicy, attempt, random), signal)
    }
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    if (signal.aborted || !isTransient(error)) throw thrown
    context.log('warning', 'assembly.unanswered', error.message)
    return { kind: 'cannot-tell', why: 'silent' }
  }
}

/** A server without that question still says which chunks it has; one that joins and deletes them has none any more. */
async function askAllChunks(questions: AssemblyQuestions, chunks: ChunkSet): Promise<Assembly> {
  if (!questions.hasTests) return { kind: 'cannot-tell', why: 'nothing' }
  let presentChunks = 0
  for (let index = 0; index < chunks.totalChunks; index++) {
    const chunk = { index, sizeBytes: chunks.sizeOf(index) }
    const seen = await patiently(questions.context, 'chunk', () => askChunk(questions, chunk))
    if (seen.kind === 'complete') return seen
    if (seen.kind === 'present') presentChunks++
  }
  if (presentChunks > 0 && presentChunks < chunks.totalChunks) return { kind: 'not-whole' }
  return { kind: 'cannot-tell', why: presentChunks === 0 ? 'nothing' : 'parts' }
}

function ask(
  client: RequestSender,
  { retryPolicy, requestSignal }: TransferContext,
  draft: ReturnType<typeof summaryRequest>,
): Promise<HttpAnswer> {
  return client.request({ ...draft, timeoutMs: retryPolicy.requestTimeoutMs, signal: requestSignal })
}
