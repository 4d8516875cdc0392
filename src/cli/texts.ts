/** The command line's own sentences for people; ids and JSON stay as they are in every language. */
import type { Language } from '../shared/messages/index.ts'

export interface CliTexts {
  readonly device: string
  readonly boardThenState: string
  /** What each letter of the ladder stands for, in its order. */
  readonly ladderLegend: readonly string[]
  readonly markProved: string
  readonly markSaid: string
  readonly markContradicted: string
  readonly boardNow: string
  readonly tries: (count: number) => string
  readonly retried: (count: number) => string
  readonly devices: (count: number) => string
  readonly counted: Readonly<Record<CountedGroup, (count: number) => string>>
  readonly more: (count: number) => string
  readonly provenOf: (proven: number, all: number) => string
  readonly belowStored: (count: number, all: number, words: string) => string
  readonly reason: string
  readonly nextStep: string
  readonly next: Readonly<Record<NextStep, (jobId: string) => string>>
  readonly exportWith: (command: string) => string
  readonly exported: (paths: string) => string
  readonly headHash: (hash: string) => string
  readonly nothingToResume: string
  readonly runsElsewhere: (count: number) => string
  /** For an empty list, of the practice journal or of the normal one. */
  readonly noJobs: (isPractice: boolean) => string
  readonly resumeHint: string
  readonly cancelling: string
  /** The leg beyond the device that is spoken to. */
  readonly relayWaiting: string
  readonly relayClock: (elapsed: string, usual: string) => string
  readonly relayBytes: (done: string, all: string) => string
  readonly decision: (target: string) => string
  readonly decisionChoices: (isBatch: boolean) => string
  readonly decisionPlease: string
  readonly acceptWith: (code: string) => string
  readonly monitorWaits: (target: string) => string
  readonly monitorHears: (target: string) => string
  readonly noDevices: string
  readonly secretPrompt: (key: string) => string
  readonly dryRunDone: string
  readonly servingAt: (url: string) => string
  readonly nextTabAt: (url: string) => string
  readonly buildsPage: string
  readonly stopping: string
  readonly pausedJobs: (names: string) => string
  readonly demoIntro: (home: string) => string
  readonly demoWentWell: string
}

export type CountedGroup = 'waiting' | 'running' | 'proven' | 'below' | 'unproven' | 'failed' | 'stopped'
export type NextStep = 'contradicted' | 'below-required' | 'outcome-unknown' | 'not-answered' | 'resume' | 'raise'

const en: CliTexts = {
  device: 'Device',
  boardThenState: 'Progress, or board now',
  ladderLegend: ['S sent', 'A device says OK', 'R arrived intact', 'F checked in flash', 'B booted', 'H healthy'],
  markProved: 'measured',
  markSaid: "device's word",
  markContradicted: 'contradicted',
  boardNow: 'board now',
  tries: count => `try ${String(count)}`,
  retried: count => `${String(count)} sent again`,
  devices: count => (count === 1 ? '1 device' : `${String(count)} devices`),
  counted: {
    waiting: count => `${String(count)} waiting`,
    running: count => `${String(count)} running`,
    proven: count => `${String(count)} proven`,
    below: count => `${String(count)} below proven`,
    unproven: count => `${String(count)} not proven`,
    failed: count => `${String(count)} failed`,
    stopped: count => `${String(count)} stopped`,
  },
  more: count => `and ${String(count)} more`,
  provenOf: (proven, all) => `Proven: ${String(proven)} of ${String(all)}`,
  belowStored: (count, all, words) =>
    `${String(count)} of ${String(all)} reached what was required, but that is below “Checked in flash”: ${words}`,
  reason: 'Why',
  nextStep: 'Next',
  next: {
    contradicted: () =>
      'Do not use this board: what it holds is not shown to be this image. Flash it again and compare.',
    'below-required': () => 'Ask for less with --require, or use a protocol or the device agent that can prove more.',
    'outcome-unknown': jobId => `Look at the device, then ask it again: flashproof resume ${jobId}`,
    'not-answered': jobId => `Check power and connection, then: flashproof resume ${jobId}`,
    resume: jobId => `Go on where it stopped: flashproof resume ${jobId}`,
    raise: () => 'This is normal for such a device; nothing is wrong.',
  },
  exportWith: command => `Export the record: ${command}`,
  exported: paths => `Exported: ${paths}`,
  headHash: hash => `Head of the record chain: ${hash}`,
  nothingToResume: 'Nothing to resume. A cancelled job goes on when it is named: flashproof resume JOB',
  runsElsewhere: count =>
    `${count === 1 ? 'A job still runs' : `${String(count)} jobs still run`} in another Flashproof, or one that was just stopped is ending there. Try again in a few seconds.`,
  noJobs: isPractice =>
    isPractice
      ? 'No such jobs of virtual devices.'
      : 'No such jobs. Those of virtual devices are shown with --practice.',
  resumeHint: 'Resume with: flashproof resume',
  cancelling: 'Stopping at a safe place… (Ctrl-C again ends at once)',
  relayWaiting: 'then gateway → MCU',
  relayClock: (elapsed, usual) => `gateway → MCU ${elapsed} of usually ${usual}`,
  relayBytes: (done, all) => `gateway → MCU ${done} of ${all}`,
  decision: target => `Decision for ${target}`,
  decisionChoices: isBatch => (isBatch ? '[y/N, a = yes for every device of this batch]' : '[y/N]'),
  decisionPlease: 'Please answer y or n.',
  acceptWith: code => `To allow it: flashproof … --accept ${code}`,
  monitorWaits: target => `No telemetry from ${target}; waiting for it. Ctrl-C stops.`,
  monitorHears: target => `Telemetry comes from ${target} now.`,
  noDevices: 'No devices found.',
  secretPrompt: key => `Secret “${key}”: `,
  dryRunDone: 'Checked by reading only; nothing was sent.',
  servingAt: url => `Flashproof is at ${url}`,
  nextTabAt: url => `For another tab: ${url}`,
  buildsPage: 'Building the page; this takes some seconds.',
  stopping: 'Stopping: the jobs are paused first. Ctrl-C again ends at once.',
  pausedJobs: names => `Paused at a chunk edge: ${names}. Go on in the window, or with: flashproof resume`,
  demoIntro: home => `Eight virtual ESP32 boards, one of which lies. All that this demonstration keeps: ${home}`,
  demoWentWell:
    'The demonstration went as it should: the boards that stored the image are proven, the one that lies is not.',
}

const vi: CliTexts = {
  device: 'Thiết bị',
  boardThenState: 'Tiến độ, hoặc bo mạch hiện nay',
  ladderLegend: [
    'S đã gửi',
    'A thiết bị báo OK',
    'R nhận nguyên vẹn',
    'F kiểm tra trong flash',
    'B đã khởi động',
    'H ổn định',
  ],
  markProved: 'đo được',
  markSaid: 'lời thiết bị',
  markContradicted: 'mâu thuẫn',
  boardNow: 'bo mạch hiện nay',
  tries: count => `lần ${String(count)}`,
  retried: count => `gửi lại ${String(count)}`,
  devices: count => `${String(count)} thiết bị`,
  counted: {
    waiting: count => `${String(count)} đang chờ`,
    running: count => `${String(count)} đang chạy`,
    proven: count => `${String(count)} đã chứng minh`,
    below: count => `${String(count)} dưới mức chứng minh`,
    unproven: count => `${String(count)} chưa chứng minh`,
    failed: count => `${String(count)} thất bại`,
    stopped: count => `${String(count)} đã dừng`,
  },
  more: count => `và ${String(count)} thiết bị khác`,
  provenOf: (proven, all) => `Đã chứng minh: ${String(proven)} trên ${String(all)}`,
  belowStored: (count, all, words) =>
    `${String(count)} trên ${String(all)} thiết bị đạt mức yêu cầu, nhưng mức đó thấp hơn “Đã kiểm tra trong flash”: ${words}`,
  reason: 'Lý do',
  nextStep: 'Bước tiếp theo',
  next: {
    contradicted: () => 'Đừng dùng bo mạch này: chưa có gì cho thấy nó chứa đúng ảnh firmware. Hãy nạp lại và so sánh.',
    'below-required': () =>
      'Giảm yêu cầu bằng --require, hoặc dùng giao thức hay device agent chứng minh được nhiều hơn.',
    'outcome-unknown': jobId => `Xem thiết bị, rồi hỏi lại nó: flashproof resume ${jobId}`,
    'not-answered': jobId => `Kiểm tra nguồn và kết nối, rồi: flashproof resume ${jobId}`,
    resume: jobId => `Tiếp tục từ chỗ đã dừng: flashproof resume ${jobId}`,
    raise: () => 'Điều này bình thường với thiết bị loại này; không có lỗi.',
  },
  exportWith: command => `Xuất nhật ký: ${command}`,
  exported: paths => `Đã xuất: ${paths}`,
  headHash: hash => `Đầu chuỗi nhật ký: ${hash}`,
  runsElsewhere: count =>
    `${String(count)} tác vụ vẫn chạy trong một Flashproof khác, hoặc đang kết thúc ở đó. Hãy thử lại sau vài giây.`,
  nothingToResume: 'Không có gì để tiếp tục. Tác vụ đã hủy chỉ tiếp tục khi được nêu tên: flashproof resume JOB',
  noJobs: isPractice =>
    isPractice
      ? 'Không có tác vụ nào của thiết bị ảo.'
      : 'Không có tác vụ nào. Tác vụ của thiết bị ảo được hiển thị với --practice.',
  resumeHint: 'Tiếp tục bằng: flashproof resume',
  cancelling: 'Đang dừng ở chỗ an toàn… (nhấn Ctrl-C lần nữa để thoát ngay)',
  relayWaiting: 'sau đó gateway → MCU',
  relayClock: (elapsed, usual) => `gateway → MCU ${elapsed}, thường mất ${usual}`,
  relayBytes: (done, all) => `gateway → MCU ${done} trên ${all}`,
  decision: target => `Cần quyết định cho ${target}`,
  decisionChoices: isBatch => (isBatch ? '[y/N, a = đồng ý cho mọi thiết bị của lô này]' : '[y/N]'),
  decisionPlease: 'Hãy trả lời y hoặc n.',
  acceptWith: code => `Để cho phép: flashproof … --accept ${code}`,
  monitorWaits: target => `Chưa có số liệu từ ${target}; đang chờ. Nhấn Ctrl-C để dừng.`,
  monitorHears: target => `Đã có số liệu từ ${target}.`,
  noDevices: 'Không tìm thấy thiết bị nào.',
  secretPrompt: key => `Bí mật “${key}”: `,
  dryRunDone: 'Chỉ kiểm tra bằng cách đọc; không gửi gì.',
  servingAt: url => `Flashproof ở địa chỉ ${url}`,
  nextTabAt: url => `Cho một thẻ khác: ${url}`,
  buildsPage: 'Đang dựng trang; việc này mất vài giây.',
  stopping: 'Đang dừng: các tác vụ được tạm dừng trước. Nhấn Ctrl-C lần nữa để kết thúc ngay.',
  pausedJobs: names => `Đã tạm dừng ở ranh giới khối: ${names}. Tiếp tục trong cửa sổ, hoặc bằng: flashproof resume`,
  demoIntro: home => `Tám bo mạch ESP32 ảo, một cái nói dối. Mọi dữ liệu của buổi trình diễn này: ${home}`,
  demoWentWell:
    'Buổi trình diễn diễn ra đúng như mong đợi: các bo mạch đã lưu ảnh được chứng minh, bo mạch nói dối thì không.',
}

const languages: Readonly<Record<Language, CliTexts>> = { en, vi }

export function textsFor(language: Language): CliTexts {
  return languages[language]
}
