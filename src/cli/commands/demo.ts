/** `flashproof demo`: virtual devices, one batch over the normal path, the exported and verified log, then the end. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobSnapshot } from '../../shared/contract/index.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'
import { runBatch } from '../batch-run.ts'
import type { CommandContext } from '../command-context.ts'
import { findHome } from '../../host/home.ts'
import type { ExitCode } from '../job-outcome.ts'
import { isProven } from '../job-outcome.ts'
import type { SimulatedDevice, SimulatorProcess } from '../../host/simulator-process.ts'
import type { WorkerSession } from '../worker-session.ts'
import { startFlash } from './flash.ts'
import { describeChain } from './log.ts'

const FIRMWARE_BYTES = 1_048_576
const FIRMWARE_VERSION = '2.1.4'
/** Of eight devices, the one that says it stored the image and did not. */
const EXPECTED_CONTRADICTED = 1

interface Exports {
  readonly paths: readonly string[]
  readonly isChainValid: boolean
  readonly chainLine: string
}

/** @returns 0 when the batch went as it should: all proven but the one device that lies, which is contradicted */
export async function runDemo(context: CommandContext): Promise<ExitCode> {
  const { host, report } = context
  const home = await chooseHome(context)
  const firmwarePath = join(home, 'demo-firmware.bin')
  report.people?.write(`${report.texts.demoIntro(home)}\n`)
  const { simulator, session } = await startAll(context, home, firmwarePath)
  context.interruption.signal.throwIfAborted()
  let exports: Exports | null = null
  const { exitCode, jobs } = await runBatch(context, session, {
    isVerbose: false,
    isDryRun: false,
    start: () =>
      startFlash(
        context,
        session,
        { path: firmwarePath },
        {
          targets: simulator.devices.map(device => device.target),
          parallel: simulator.devices.length,
          acceptedBy: host.userName,
          context: { operator: host.userName, order: 'demo' },
        },
      ),
    exportLine: async () => {
      exports = await exportAndVerify(context, session, home)
      return report.texts.exported(exports.paths.join(', '))
    },
  })
  if (exitCode === 130) return 130
  return judge(context, simulator.devices, jobs, exports)
}

/** Starts everything at once; what did start is ended with the command even when another part did not. */
async function startAll(
  context: CommandContext,
  home: string,
  firmwarePath: string,
): Promise<{ simulator: SimulatorProcess; session: WorkerSession }> {
  const { host } = context
  const starting = [
    host.startSimulator({ devices: 'demo', flashFolder: join(home, 'virtual-devices') }).then(simulator => {
      context.defer({
        close: () => simulator.stop(),
        kill: () => {
          simulator.kill()
        },
      })
      return simulator
    }),
    context.openSession(home),
    host.makeDemoFirmware({ path: firmwarePath, sizeBytes: FIRMWARE_BYTES, version: FIRMWARE_VERSION }),
  ] as const
  await Promise.allSettled(starting)
  const [simulator, session] = await Promise.all(starting)
  return { simulator, session }
}

async function chooseHome(context: CommandContext): Promise<string> {
  if ((context.host.env['FLASHPROOF_HOME'] ?? '') === '') return await mkdtemp(join(tmpdir(), 'flashproof-demo-'))
  const home = findHome(context.host.env)
  await mkdir(home, { recursive: true })
  return home
}

async function exportAndVerify(context: CommandContext, session: WorkerSession, home: string): Promise<Exports> {
  const paths: string[] = []
  for (const format of ['html', 'csv'] as const) {
    const outputPath = join(home, `demo-log.${format}`)
    const exported = await session.client.call('log.export', { format, outputPath, filter: { practice: true } })
    context.report.json({ type: 'export', format, ...exported })
    paths.push(exported.outputPath)
  }
  const chain = await session.client.call('log.verify', { practice: true })
  context.report.json({ type: 'verification', ...chain })
  return { paths, isChainValid: chain.valid, chainLine: describeChain(chain)[0] ?? '' }
}

function judge(
  context: CommandContext,
  devices: readonly SimulatedDevice[],
  jobs: readonly JobSnapshot[],
  exports: Exports | null,
): ExitCode {
  const { report } = context
  const nameByTarget = new Map(devices.map(device => [device.target, device.name]))
  const nameOfJob = (job: JobSnapshot): string => stripControl(nameByTarget.get(job.target) ?? job.target, 80)
  const contradicted = jobs.filter(job => job.verdict === 'unproven' && job.reason === 'contradicted')
  const others = jobs.filter(job => !isProven(job) && !contradicted.includes(job))
  const say = (text: string): void => {
    report.result(text)
  }
  say(`proven: ${jobs.filter(isProven).map(nameOfJob).join(', ') || 'none'}`)
  for (const job of contradicted) say(`unproven: contradicted: ${nameOfJob(job)}`)
  if (exports !== null) say(exports.chainLine)
  const differences = [
    ...(jobs.length === devices.length ? [] : [`${String(jobs.length)} jobs for ${String(devices.length)} devices`]),
    ...(contradicted.length === EXPECTED_CONTRADICTED
      ? []
      : [`${String(contradicted.length)} contradicted instead of ${String(EXPECTED_CONTRADICTED)}`]),
    ...others.map(
      job => `${nameOfJob(job)} is ${job.verdict ?? job.state}${job.error === null ? '' : ` (${job.error.code})`}`,
    ),
    ...(exports === null ? ['nothing was exported'] : exports.isChainValid ? [] : ['the record chain does not hold']),
  ]
  if (differences.length === 0) {
    say(report.texts.demoWentWell)
    return 0
  }
  report.error(new FlashproofError('internal.unexpected', `the demonstration differed: ${differences.join('; ')}`))
  return 1
}
