/** The sentences of `flashproof monitor` about a serial line, for people. */
import type { CrashReport } from '../shared/contract/index.ts'
import type { Language } from '../shared/messages/index.ts'

export interface MonitorWords {
  readonly opened: string
  readonly lost: (why: string) => string
  readonly lent: (usedFor: string) => string
  readonly notRestarted: string
  readonly reset: (reason: string, bootMode: string) => string
  readonly brownout: string
  readonly crash: Readonly<Record<CrashReport['kind'], string>>
  readonly core: (core: number) => string
  readonly corrupted: string
  readonly sameBuild: string
  readonly otherBuild: string
  readonly unknownBuild: string
  readonly notDecoded: (why: string) => string
  readonly stackOnly: string
  readonly in: (functionName: string) => string
  readonly skipped: (lines: number) => string
  readonly logFileFailed: (why: string) => string
  readonly notSent: (why: string) => string
  readonly writesTo: (path: string) => string
}

const en: MonitorWords = {
  opened: 'The line is open. Ctrl-C stops.',
  lost: why => `The line is away: ${why}`,
  lent: usedFor => `The line is used for ${usedFor}; listening goes on afterwards.`,
  notRestarted: 'The board was not restarted: this line has no modem lines. Press its reset button.',
  reset: (reason, bootMode) => `The board started: ${reason}, ${bootMode}`,
  brownout: 'The supply voltage fell too low.',
  crash: {
    panic: 'Crash',
    abort: 'Crash: abort() was called',
    assert: 'Crash: an assertion failed',
    'stack-overflow': 'Crash: a stack overflowed',
    'heap-corruption': 'Crash: the heap is corrupt',
    'task-watchdog': 'A task did not feed the watchdog',
    backtrace: 'Backtrace without a reason',
  },
  core: core => `core ${String(core)}`,
  corrupted: 'the backtrace ends in a corrupt stack',
  sameBuild: 'The ELF file belongs to what runs, by its hash.',
  otherBuild: 'Not decoded: the ELF file is of another build than what runs, by its hash.',
  unknownBuild: 'The board said no hash: whether the ELF file belongs to what runs is not known.',
  notDecoded: why => `Not decoded: ${why}`,
  stackOnly: 'No backtrace: words of the stack that point into functions, callers or remains of them.',
  in: functionName => `in ${functionName}`,
  skipped: lines => `${String(lines)} lines were too many to show here`,
  logFileFailed: why => `The log file is not written any longer: ${why}`,
  notSent: why => `Not sent: ${why}`,
  writesTo: path => `Lines are written to ${path} too.`,
}

const vi: MonitorWords = {
  opened: 'Đường truyền đã mở. Nhấn Ctrl-C để dừng.',
  lost: why => `Đường truyền bị ngắt: ${why}`,
  lent: usedFor => `Đường truyền đang được dùng cho ${usedFor}; sau đó sẽ nghe tiếp.`,
  notRestarted: 'Bo mạch chưa được khởi động lại: đường truyền này không có chân điều khiển. Hãy bấm nút reset.',
  reset: (reason, bootMode) => `Bo mạch đã khởi động: ${reason}, ${bootMode}`,
  brownout: 'Điện áp nguồn xuống quá thấp.',
  crash: {
    panic: 'Sự cố',
    abort: 'Sự cố: abort() được gọi',
    assert: 'Sự cố: một assert không đúng',
    'stack-overflow': 'Sự cố: tràn stack',
    'heap-corruption': 'Sự cố: heap bị hỏng',
    'task-watchdog': 'Một tác vụ không nuôi watchdog',
    backtrace: 'Backtrace không rõ nguyên nhân',
  },
  core: core => `lõi ${String(core)}`,
  corrupted: 'backtrace kết thúc ở stack đã hỏng',
  sameBuild: 'Tệp ELF đúng là của bản đang chạy, theo mã băm.',
  otherBuild: 'Không giải mã: tệp ELF thuộc bản dựng khác với bản đang chạy, theo mã băm.',
  unknownBuild: 'Bo mạch không cho biết mã băm: không rõ tệp ELF có phải của bản đang chạy hay không.',
  notDecoded: why => `Không giải mã được: ${why}`,
  stackOnly: 'Không có backtrace: các từ trên stack trỏ vào hàm, có thể là nơi gọi hoặc dấu vết cũ.',
  in: functionName => `trong ${functionName}`,
  skipped: lines => `${String(lines)} dòng quá nhiều nên không hiện ở đây`,
  logFileFailed: why => `Không ghi được tệp nhật ký nữa: ${why}`,
  notSent: why => `Chưa gửi được: ${why}`,
  writesTo: path => `Các dòng cũng được ghi vào ${path}.`,
}

export function monitorWordsFor(language: Language): MonitorWords {
  return language === 'vi' ? vi : en
}
