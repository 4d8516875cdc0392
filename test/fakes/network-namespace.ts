/** Runs a shell script where no packet can leave: a network namespace with one pair of virtual cables, 10.77.0.1/24 on `va`. */
import { spawn, spawnSync } from 'node:child_process'

/** As root also with mounts of its own; a plain user only gets the network. */
function unshareFlags(): string {
  return process.getuid?.() === 0 ? '-nm' : '-rn'
}

const CABLE = [
  'set -e',
  'ip link set lo up',
  'ip link add va type veth peer name vb',
  'ip addr add 10.77.0.1/24 dev va',
  'ip link set va up',
  'ip link set vb up',
  'ip route add 224.0.0.0/4 dev va',
].join('\n')

/** Whether this computer can make one; tests that need it are skipped with the line that is printed. */
export function canMakeNamespace(): boolean {
  const made = spawnSync('unshare', [unshareFlags(), 'sh', '-c', CABLE], { timeout: 10_000 }).status === 0
  if (!made) console.info('unshare or ip is not possible here: tests that send mDNS are skipped')
  return made
}

/** @returns what the script printed; a failing script rejects with what it said */
export function runInNamespace(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const { FLASHPROOF_DISCOVERY: _off, ...inherited } = process.env
    const child = spawn(
      'unshare',
      [unshareFlags(), '--kill-child', '--fork', '--pid', 'sh', '-c', `${CABLE}\n${script}`],
      {
        env: { ...inherited, ...env },
        timeout: 25_000,
      },
    )
    let [out, err] = ['', '']
    child.stdout.on('data', (data: Buffer) => (out += data.toString()))
    child.stderr.on('data', (data: Buffer) => (err += data.toString()))
    child.on('error', reject)
    child.on('close', status => {
      if (status === 0) resolve(out)
      else reject(new Error(`the script ended with ${String(status)}: ${err}${out}`))
    })
  })
}
