/** Judges the facts of this computer: one line for each thing that has kept technicians from working. Pure. */
import type { PcCheckItem } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { formatBytes } from '../../shared/units.ts'
import type { PcFacts } from './facts.ts'
import { judged, type Judged } from './judged.ts'
import { judgeAdapters, judgeDriver, judgePrograms, judgeRights } from './serial-checks.ts'

const MIB = 1024 * 1024
const NEEDED_BYTES = 100 * MIB
const COMFORTABLE_BYTES = 1024 * MIB
/** A clock further ahead than this after the build is more likely wrong than the program is old. */
const LONGEST_LIFE_MS = 15 * 365 * 24 * 60 * 60_000
/** Names that tunnels have; a tunnel often takes the way to boards in the local network. */
const TUNNEL_NAMES =
  /^(tun|tap|wg|ppp|utun|ipsec|nordlynx|tailscale|zt|vpn)|vpn|wireguard|zerotier|tailscale|anyconnect/i

interface Check {
  readonly id: string
  readonly title: LocalText
  readonly judge: (facts: PcFacts) => Judged
}

export function checkPc(facts: PcFacts): PcCheckItem[] {
  return checks.map(({ id, title, judge }) => ({ id, title, ...judge(facts) }))
}

const checks: readonly Check[] = [
  { id: 'disk', title: { en: 'Free disk space', vi: 'Dung lượng đĩa trống' }, judge: judgeDisk },
  { id: 'home', title: { en: 'Data folder', vi: 'Thư mục dữ liệu' }, judge: judgeHome },
  {
    id: 'serial-driver',
    title: { en: 'Serial ports of this computer', vi: 'Cổng nối tiếp của máy này' },
    judge: judgeDriver,
  },
  { id: 'serial-rights', title: { en: 'Rights to serial ports', vi: 'Quyền dùng cổng nối tiếp' }, judge: judgeRights },
  {
    id: 'serial-adapters',
    title: { en: 'Adapters without a port', vi: 'Bộ chuyển đổi không có cổng' },
    judge: judgeAdapters,
  },
  {
    id: 'serial-programs',
    title: { en: 'Programs that take serial ports', vi: 'Chương trình chiếm cổng nối tiếp' },
    judge: judgePrograms,
  },
  { id: 'network', title: { en: 'Network interfaces', vi: 'Giao diện mạng' }, judge: judgeNetwork },
  { id: 'discovery', title: { en: 'Devices heard', vi: 'Thiết bị nghe được' }, judge: judgeDiscovery },
  { id: 'firewall', title: { en: 'Firewall', vi: 'Tường lửa' }, judge: judgeFirewall },
  { id: 'sleep', title: { en: 'Sleep while nobody types', vi: 'Tự ngủ khi không thao tác' }, judge: judgeSleep },
  { id: 'clock', title: { en: 'Clock', vi: 'Đồng hồ' }, judge: judgeClock },
]

function judgeDisk({ home }: PcFacts): Judged {
  const { freeBytes, path } = home
  if (freeBytes === null) {
    return judged('unknown', {
      en: 'How much room is left cannot be read here. Look at the free space of the drive that holds the data folder.',
      vi: 'Không đọc được dung lượng trống ở đây. Hãy xem dung lượng trống của ổ chứa thư mục dữ liệu.',
    })
  }
  const free = formatBytes(freeBytes)
  if (freeBytes >= COMFORTABLE_BYTES) return judged('ok', { en: `${free} free.`, vi: `Còn trống ${free}.` })
  return judged(
    freeBytes < NEEDED_BYTES ? 'problem' : 'warning',
    {
      en: `Only ${free} free. A full disk pauses every transfer: make room on this drive.`,
      vi: `Chỉ còn trống ${free}. Đĩa đầy sẽ làm tạm dừng mọi lần truyền: hãy dọn bớt ổ đĩa này.`,
    },
    `The drive that holds ${path} has ${free} free. Flashproof keeps its records and firmware images there and needs at least ${formatBytes(COMFORTABLE_BYTES)}.`,
  )
}

function judgeHome({ home }: PcFacts): Judged {
  const { path, writeFailure } = home
  if (writeFailure === null) return judged('ok', { en: `${path} can be written.`, vi: `Ghi được vào ${path}.` })
  return judged(
    'problem',
    {
      en: `${path} cannot be written (${writeFailure}). Records cannot be kept until it can.`,
      vi: `Không ghi được vào ${path} (${writeFailure}). Chưa thể lưu hồ sơ cho đến khi ghi được.`,
    },
    `The user needs write access to the folder ${path} (${writeFailure}). Flashproof keeps its records there; no other rights are needed.`,
  )
}

function judgeNetwork({ interfaces }: PcFacts): Judged {
  if (interfaces.length === 0) {
    return judged('warning', {
      en: 'No network. Boards on Wi-Fi cannot be reached; boards on USB can.',
      vi: 'Không có mạng. Không tới được bo mạch qua Wi-Fi; bo mạch qua USB vẫn dùng được.',
    })
  }
  const list = interfaces.map(({ name, addresses }) => `${name} (${addresses.join(', ')})`).join('; ')
  const tunnels = interfaces.filter(({ name }) => TUNNEL_NAMES.test(name)).map(({ name }) => name)
  if (tunnels.length === 0) return judged('ok', { en: `${list}.`, vi: `${list}.` })
  return judged(
    'warning',
    {
      en: `${list}. ${tunnels.join(', ')} looks like a VPN: it may keep this computer from boards in the local network.`,
      vi: `${list}. ${tunnels.join(', ')} có vẻ là VPN: có thể chặn máy này tới bo mạch trong mạng nội bộ.`,
    },
    `Interfaces: ${list}. ${tunnels.join(', ')} looks like a VPN. Boards are reached in the local network over HTTP and found by multicast DNS (UDP 5353): the VPN must leave local addresses alone (split tunnel).`,
  )
}

function judgeDiscovery({ channels }: PcFacts): Judged {
  if (channels.length === 0) {
    return judged('unknown', {
      en: 'Nothing is listened on at the moment. Boards can still be added by their address.',
      vi: 'Hiện không lắng nghe kênh nào. Vẫn có thể thêm bo mạch theo địa chỉ.',
    })
  }
  const lines = channels.map(
    ({ name, state, queriesSent, answersHeard }) =>
      `${name}: ${state}, ${String(queriesSent)} asked, ${String(answersHeard)} heard`,
  )
  // Channels with the same trouble tell it once.
  const diagnoses = [
    ...new Map(channels.flatMap(({ diagnosis }) => (diagnosis ? [[diagnosis.en, diagnosis]] : []))).values(),
  ]
  const heard = channels.filter(channel => channel.answersHeard > 0).map(channel => channel.name)
  const text = {
    en: [
      heard.length > 0 ? `Heard on ${heard.join(', ')}.` : 'Nothing was heard yet.',
      ...diagnoses.map(({ en }) => en),
    ].join(' '),
    vi: [
      heard.length > 0 ? `Nghe được trên ${heard.join(', ')}.` : 'Chưa nghe được gì.',
      ...diagnoses.map(({ vi }) => vi),
    ].join(' '),
  }
  const hasFailed = channels.some(channel => channel.state === 'failed')
  if (heard.length > 0 && !hasFailed) return judged('ok', text)
  return judged(
    hasFailed ? 'warning' : 'unknown',
    text,
    `${lines.join('\n')}\nFlashproof finds boards by multicast DNS (UDP 5353, group 224.0.0.251) on every interface. It needs that traffic in and out, and access points that do not isolate clients.`,
  )
}

function judgeFirewall({ firewall, platform }: PcFacts): Judged {
  const forIt =
    'Flashproof opens connections to boards in the local network (HTTP, mostly port 80), and hears multicast DNS (UDP 5353). Nothing from outside needs to reach this computer, except boards that fetch their firmware themselves.'
  if (firewall === null) {
    return judged(
      'unknown',
      {
        en: `Whether a firewall is in the way cannot be read without administrator rights${platform === 'linux' ? '' : ' here'}. When boards are not found, let it pass UDP 5353 in the local network.`,
        vi: 'Không đọc được trạng thái tường lửa nếu không có quyền quản trị. Khi không tìm thấy bo mạch, hãy cho phép UDP 5353 trong mạng nội bộ.',
      },
      forIt,
    )
  }
  if (!firewall.isActive) {
    return judged('ok', {
      en: `No firewall is active (${firewall.source}).`,
      vi: `Không có tường lửa nào đang bật (${firewall.source}).`,
    })
  }
  return judged(
    'warning',
    {
      en: `A firewall is active (${firewall.source}). Boards are found only when it lets UDP 5353 pass in the local network.`,
      vi: `Tường lửa đang bật (${firewall.source}). Chỉ tìm thấy bo mạch khi tường lửa cho qua UDP 5353 trong mạng nội bộ.`,
    },
    `A firewall is active (${firewall.source}). ${forIt}`,
  )
}

function judgeSleep({ sleep }: PcFacts): Judged {
  if (sleep === null) {
    return judged('unknown', {
      en: 'The sleep policy cannot be read here. The desktop app keeps the computer awake while a transfer runs; the browser mode does not: set “never sleep” for the bench.',
      vi: 'Không đọc được chế độ ngủ ở đây. Ứng dụng trên máy giữ cho máy thức khi đang truyền; chế độ trình duyệt thì không: hãy đặt “không bao giờ ngủ” cho máy tại bàn làm việc.',
    })
  }
  if (!sleep.mayIdleSleep) {
    return judged('ok', {
      en: `It does not fall asleep by itself (${sleep.source}).`,
      vi: `Máy không tự ngủ (${sleep.source}).`,
    })
  }
  return judged(
    'warning',
    {
      en: `It falls asleep by itself (${sleep.source}). A transfer pauses then, and goes on afterwards; better set “never sleep” for the bench.`,
      vi: `Máy tự ngủ (${sleep.source}). Khi đó lần truyền tạm dừng rồi tiếp tục sau; tốt hơn hãy đặt “không bao giờ ngủ”.`,
    },
    `Idle sleep is on (${sleep.source}). On a bench PC it should be off while on mains power.`,
  )
}

function judgeClock({ nowMs, builtMs }: PcFacts): Judged {
  const now = new Date(nowMs).toISOString()
  if (builtMs === null) {
    return judged('unknown', {
      en: `It says ${now}; compare it with another clock.`,
      vi: `Đồng hồ báo ${now}; hãy so với đồng hồ khác.`,
    })
  }
  if (nowMs >= builtMs && nowMs - builtMs < LONGEST_LIFE_MS) {
    return judged('ok', { en: `Plausible: ${now}.`, vi: `Hợp lý: ${now}.` })
  }
  return judged(
    'problem',
    {
      en: `It says ${now}, which cannot be right. Records carry this time: set the clock first.`,
      vi: `Đồng hồ báo ${now}, không thể đúng. Hồ sơ ghi theo giờ này: hãy chỉnh đồng hồ trước.`,
    },
    `The system clock says ${now}. Please turn on time synchronisation (NTP).`,
  )
}
