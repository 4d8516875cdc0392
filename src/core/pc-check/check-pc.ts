/** Judges the facts of this computer: one line for each thing that has kept technicians from working. Pure. */
import type { PcCheckItem } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { formatBytes } from '../../shared/units.ts'
import type { PcFacts } from './facts.ts'

type Judged = Omit<PcCheckItem, 'id' | 'title'>

const MIB = 1024 * 1024
const NEEDED_BYTES = 100 * MIB
const COMFORTABLE_BYTES = 1024 * MIB
/** A clock further ahead than this after the build is more likely wrong than the program is old. */
const LONGEST_LIFE_MS = 15 * 365 * 24 * 60 * 60_000
/** Programs that open serial ports by themselves, and send into them. */
const PORT_GRABBERS = ['ModemManager', 'brltty']
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
  { id: 'serial-rights', title: { en: 'Rights to serial ports', vi: 'Quyền dùng cổng nối tiếp' }, judge: judgeSerial },
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

function judged(state: PcCheckItem['state'], text: LocalText, copyForIt: string | null = null): Judged {
  return { state, text, copyForIt }
}

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

function judgeSerial({ serial, platform }: PcFacts): Judged {
  if (serial === null) {
    const isMac = platform === 'darwin'
    return judged('unknown', {
      en: isMac
        ? 'macOS gives every user the serial ports; an adapter that does not show up needs its maker’s driver.'
        : 'Windows gives every user the serial ports; an adapter that does not show up as a COM port in the Device Manager needs its maker’s driver (CP210x, CH340, FTDI).',
      vi: isMac
        ? 'macOS cho mọi người dùng quyền với cổng nối tiếp; bộ chuyển đổi không hiện ra thì cần trình điều khiển của hãng.'
        : 'Windows cho mọi người dùng quyền với cổng nối tiếp; bộ chuyển đổi không hiện thành cổng COM trong Device Manager thì cần trình điều khiển của hãng (CP210x, CH340, FTDI).',
    })
  }
  const { ports, groups, portGroup, hasUdevadm } = serial
  const closed = ports.filter(port => !port.isUsable).map(port => port.path)
  const udevText = hasUdevadm
    ? { en: '', vi: '' }
    : {
        en: ' udevadm is missing: sockets cannot be told apart.',
        vi: ' Thiếu udevadm: không phân biệt được các cổng cắm.',
      }
  const group = portGroup ?? 'dialout'
  const forIt = `Serial adapters need read and write access for the user. Add the user to the group “${group}” (sudo usermod -aG ${group} USER, then sign in again), or install the udev rule of the Flashproof package, which gives it to whoever sits at this computer.`
  if (closed.length > 0) {
    return judged(
      'problem',
      {
        en: `No right to use ${closed.join(', ')}. The user must join the group “${group}” and sign in again.`,
        vi: `Không có quyền dùng ${closed.join(', ')}. Người dùng cần được thêm vào nhóm “${group}” rồi đăng nhập lại.`,
      },
      `${closed.join(', ')} cannot be opened. ${forIt}`,
    )
  }
  if (ports.length > 0) {
    return judged(
      hasUdevadm ? 'ok' : 'warning',
      {
        en: `${ports.map(port => port.path).join(', ')} can be used.${udevText.en}`,
        vi: `Dùng được ${ports.map(port => port.path).join(', ')}.${udevText.vi}`,
      },
      hasUdevadm ? null : 'udevadm (package udev) is not installed; Flashproof uses it to tell USB sockets apart.',
    )
  }
  if (portGroup !== null && groups?.includes(portGroup) === true) {
    return judged('ok', {
      en: `No serial adapter is plugged in; the user is in the group “${portGroup}”.${udevText.en}`,
      vi: `Chưa cắm bộ chuyển đổi nào; người dùng thuộc nhóm “${portGroup}”.${udevText.vi}`,
    })
  }
  return judged(
    'unknown',
    {
      en: `No serial adapter is plugged in, so the right to use one cannot be tried. Plug one in and check again.${udevText.en}`,
      vi: `Chưa cắm bộ chuyển đổi nào nên chưa thử được quyền dùng. Hãy cắm một bộ rồi kiểm tra lại.${udevText.vi}`,
    },
    forIt,
  )
}

function judgePrograms({ programs, platform }: PcFacts): Judged {
  if (programs === null) {
    return judged('unknown', {
      en:
        platform === 'linux'
          ? 'Running programs cannot be listed here.'
          : 'Close other programs that may hold the port: serial monitors, IDEs, slicers.',
      vi:
        platform === 'linux'
          ? 'Không liệt kê được các chương trình đang chạy.'
          : 'Hãy đóng các chương trình khác có thể giữ cổng: màn hình nối tiếp, IDE, phần mềm in 3D.',
    })
  }
  const found = PORT_GRABBERS.filter(name => programs.some(program => program.toLowerCase() === name.toLowerCase()))
  if (found.length === 0) return judged('ok', { en: 'None is running.', vi: 'Không có chương trình nào đang chạy.' })
  const names = found.join(', ')
  return judged(
    'warning',
    {
      en: `${names} runs. It may open a serial adapter by itself and talk into a transfer.`,
      vi: `${names} đang chạy. Chương trình này có thể tự mở cổng nối tiếp và chen vào lần truyền.`,
    },
    `${names} probes new serial ports and disturbs firmware uploads. On a bench PC it can be removed (sudo apt remove ${found.map(name => name.toLowerCase()).join(' ')}) or told to leave these adapters alone (udev: ENV{ID_MM_DEVICE_IGNORE}="1").`,
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
