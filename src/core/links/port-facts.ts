/** Finds out about a serial port that did not open what port-faults.ts judges by. Reads only, and opens no port. */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import process from 'node:process'
import { listPrograms } from '../running-programs.ts'
import { takingServices, type PortFacts, type PortHolder } from './port-faults.ts'

const GROUP_MAY_READ_AND_WRITE = 0o060

/** Never rejects: what cannot be found out is left open. */
export async function gatherPortFacts(path: string, systemMessage: string): Promise<PortFacts> {
  const isLinux = process.platform === 'linux'
  const [nodeAndUser, processes] = await Promise.all([
    process.platform === 'win32' ? null : lookAtNode(path),
    isLinux ? lookAtProcesses(path) : { holders: [], runningServices: [] },
  ])
  return {
    platform: process.platform,
    path,
    systemMessage,
    node: nodeAndUser?.node ?? null,
    user: nodeAndUser?.user ?? null,
    ...processes,
  }
}

async function lookAtNode(path: string): Promise<Pick<PortFacts, 'node' | 'user'> | null> {
  const status = await stat(path).catch(() => null)
  if (status === null) return null
  const group = (await readGroups()).find(({ id }) => id === status.gid)
  const { username } = userInfo()
  return {
    node: {
      isCharacterDevice: status.isCharacterDevice(),
      groupName: group?.name ?? String(status.gid),
      isGroupAllowed: (status.mode & GROUP_MAY_READ_AND_WRITE) === GROUP_MAY_READ_AND_WRITE,
      ageMs: Date.now() - status.ctimeMs,
    },
    user: {
      name: username,
      isInGroup: process.getgroups?.().includes(status.gid) ?? false,
      isListedInGroup: group?.members.includes(username) ?? false,
    },
  }
}

async function readGroups(): Promise<readonly { name: string; id: number; members: readonly string[] }[]> {
  const text = await readFile('/etc/group', 'utf8').catch(() => '')
  return text.split('\n').map(line => {
    const [name = '', , id = '', members = ''] = line.split(':')
    return { name, id: Number(id), members: members.split(',') }
  })
}

async function lookAtProcesses(path: string): Promise<Pick<PortFacts, 'holders' | 'runningServices'>> {
  const holders = await findHolders(path)
  const programs = (await listPrograms()) ?? []
  return { holders, runningServices: Object.keys(takingServices).filter(name => programs.includes(name)) }
}

/** Walks all processes of a Linux computer; those of other users hide what they have open. */
export async function findHolders(path: string): Promise<PortHolder[]> {
  const device = await realpath(path).catch(() => path)
  const holders: PortHolder[] = []
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || !(await hasOpen(pid, device))) continue
    const command = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
    holders.push({ pid: Number(pid), command })
  }
  return holders
}

async function hasOpen(pid: string, device: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  const descriptors = await readdir(folder).catch(() => [])
  for (const descriptor of descriptors) {
    if ((await readlink(`${folder}/${descriptor}`).catch(() => '')) === device) return true
  }
  return false
}
