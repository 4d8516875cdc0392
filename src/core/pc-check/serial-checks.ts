/** Judges what has to do with serial ports: the driver, the rights, adapters without a port, programs that take them. Pure. */
import type { LocalText } from '../../shared/messages/index.ts'
import { portGrabbers } from '../running-programs.ts'
import type { PcFacts } from './facts.ts'
import { judged, type Judged } from './judged.ts'

const THE_RULE = 'the udev rule of Flashproof (docs/serial-lines.md)'

export function judgeDriver({ serialDriver, serial }: PcFacts): Judged {
  if (serialDriver.failure !== null) {
    return judged(
      'problem',
      {
        en: 'The serial driver of Flashproof does not load: boards on USB cannot be reached. Install Flashproof again.',
        vi: 'Trình điều khiển nối tiếp của Flashproof không nạp được: không tới được bo mạch qua USB. Hãy cài lại Flashproof.',
      },
      `The native module @serialport/bindings-cpp does not load: ${serialDriver.failure}`,
    )
  }
  if (serial?.canList === false) {
    return judged(
      'warning',
      {
        en: 'Serial ports cannot be listed: neither /sys nor the program udevadm is there. A port can be named: serial:/dev/ttyUSB0.',
        vi: 'Không liệt kê được cổng nối tiếp: không có /sys lẫn chương trình udevadm. Có thể nêu tên cổng: serial:/dev/ttyUSB0.',
      },
      'Flashproof lists serial ports from /sys/class/tty, or by udevadm (package udev). This system has neither; a container needs /sys.',
    )
  }
  return judged('ok', {
    en: 'The serial driver of Flashproof loads.',
    vi: 'Trình điều khiển nối tiếp của Flashproof nạp được.',
  })
}

export function judgeRights({ serial, platform }: PcFacts): Judged {
  if (serial === null) return judged('unknown', rightsElsewhere(platform))
  const { ports, groups, portGroup } = serial
  const closed = ports.filter(port => !port.isUsable).map(port => port.path)
  const group = portGroup ?? 'dialout'
  const forIt = `Serial adapters need read and write access for the user. Add the user to the group “${group}” (sudo usermod -aG ${group} USER, then sign in again), or install ${THE_RULE}, which gives it to whoever sits at this computer.`
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
    const list = ports.map(port => port.path).join(', ')
    return judged('ok', { en: `${list} can be used.`, vi: `Dùng được ${list}.` })
  }
  if (portGroup !== null && groups?.includes(portGroup) === true) {
    return judged('ok', {
      en: `No serial adapter is plugged in; the user is in the group “${portGroup}”.`,
      vi: `Chưa cắm bộ chuyển đổi nào; người dùng thuộc nhóm “${portGroup}”.`,
    })
  }
  return judged(
    'unknown',
    {
      en: 'No serial adapter is plugged in, so the right to use one cannot be tried. Plug one in and check again.',
      vi: 'Chưa cắm bộ chuyển đổi nào nên chưa thử được quyền dùng. Hãy cắm một bộ rồi kiểm tra lại.',
    },
    forIt,
  )
}

function rightsElsewhere(platform: NodeJS.Platform): LocalText {
  return platform === 'darwin'
    ? {
        en: 'macOS gives every user the serial ports; an adapter that does not show up needs its maker’s driver.',
        vi: 'macOS cho mọi người dùng quyền với cổng nối tiếp; bộ chuyển đổi không hiện ra thì cần trình điều khiển của hãng.',
      }
    : {
        en: 'Windows gives every user the serial ports; an adapter that does not show up as a COM port in the Device Manager needs its maker’s driver (CP210x, CH340, FTDI).',
        vi: 'Windows cho mọi người dùng quyền với cổng nối tiếp; bộ chuyển đổi không hiện thành cổng COM trong Device Manager thì cần trình điều khiển của hãng (CP210x, CH340, FTDI).',
      }
}

/** An adapter that is plugged in and has no port: its driver is missing, or a program took it away from the driver. */
export function judgeAdapters({ serial, programs }: PcFacts): Judged {
  if (serial === null) {
    return judged('unknown', {
      en: 'Adapters without a port cannot be seen from here; look at the list of USB devices of the system.',
      vi: 'Không xem được bộ chuyển đổi không có cổng từ đây; hãy xem danh sách thiết bị USB của hệ thống.',
    })
  }
  const { adaptersWithoutPort: lost } = serial
  if (lost.length === 0) {
    return judged('ok', {
      en: 'Every adapter that is known has its port.',
      vi: 'Mọi bộ chuyển đổi đã biết đều có cổng.',
    })
  }
  const list = lost.map(({ name, location }) => `${name} (USB ${location})`).join(', ')
  const isByBrltty = isRunning(programs, 'brltty') && lost.some(({ isTakenByBrltty }) => isTakenByBrltty)
  return judged(
    'problem',
    isByBrltty
      ? {
          en: `${list} is plugged in but has no serial port: brltty takes it for a braille display. Remove brltty and plug it in again.`,
          vi: `${list} đã cắm nhưng không có cổng nối tiếp: brltty tưởng là màn hình chữ nổi. Hãy gỡ brltty rồi cắm lại.`,
        }
      : {
          en: `${list} is plugged in but has no serial port: its kernel driver is missing, or something else took it. Plug it in again.`,
          vi: `${list} đã cắm nhưng không có cổng nối tiếp: thiếu trình điều khiển trong nhân, hoặc có chương trình khác chiếm. Hãy cắm lại.`,
        },
    isByBrltty
      ? `${list}: brltty claims this USB adapter, so that no /dev/ttyUSB appears. On a bench PC remove it: sudo apt remove brltty.`
      : `${list}: no tty. See dmesg after plugging it in; the modules are cp210x, ch341, ftdi_sio, pl2303, cdc_acm (on a small kernel: package linux-modules-extra).`,
  )
}

export function judgePrograms({ programs, platform, serial }: PcFacts): Judged {
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
  const running = portGrabbers.filter(name => isRunning(programs, name))
  // The rule tells ModemManager to leave these adapters alone.
  const found = running.filter(name => name !== 'ModemManager' || serial?.hasRule !== true)
  if (found.length === 0) {
    return judged(
      'ok',
      running.length === 0
        ? { en: 'None is running.', vi: 'Không có chương trình nào đang chạy.' }
        : {
            en: 'ModemManager runs; the udev rule keeps it away.',
            vi: 'ModemManager đang chạy; luật udev đã ngăn nó.',
          },
    )
  }
  const names = found.join(', ')
  return judged(
    'warning',
    {
      en: `${names} runs. It may open a serial adapter by itself and talk into a transfer.`,
      vi: `${names} đang chạy. Chương trình này có thể tự mở cổng nối tiếp và chen vào lần truyền.`,
    },
    `${names} probes new serial ports and disturbs firmware uploads. On a bench PC it can be removed (sudo apt remove ${found.map(name => name.toLowerCase()).join(' ')}); ModemManager can be told to leave these adapters alone by ${THE_RULE}.`,
  )
}

function isRunning(programs: PcFacts['programs'], name: string): boolean {
  return programs?.some(program => program.toLowerCase() === name.toLowerCase()) === true
}
