/** Words of the desktop shell: menus, the question at the end, notifications. Both languages side by side. */
import type { LocalText, Language } from '../shared/messages/index.ts'

export const mainTexts = {
  // menus
  file: { en: '&File', vi: '&Tệp' },
  edit: { en: '&Edit', vi: '&Sửa' },
  boards: { en: '&Boards', vi: '&Bo mạch' },
  view: { en: '&View', vi: '&Xem' },
  window: { en: '&Window', vi: '&Cửa sổ' },
  help: { en: '&Help', vi: 'Trợ &giúp' },
  openFirmware: { en: 'Open Firmware…', vi: 'Mở firmware…' },
  saveRecord: { en: 'Save the Record…', vi: 'Lưu hồ sơ…' },
  closeWindow: { en: 'Close Window', vi: 'Đóng cửa sổ' },
  quit: { en: 'Quit Flashproof', vi: 'Thoát Flashproof' },
  undo: { en: 'Undo', vi: 'Hoàn tác' },
  redo: { en: 'Redo', vi: 'Làm lại' },
  cut: { en: 'Cut', vi: 'Cắt' },
  copy: { en: 'Copy', vi: 'Sao chép' },
  paste: { en: 'Paste', vi: 'Dán' },
  selectAll: { en: 'Select All', vi: 'Chọn tất cả' },
  find: { en: 'Find a Device', vi: 'Tìm thiết bị' },
  tickAll: { en: 'Tick All Shown That Fit', vi: 'Đánh dấu mọi thiết bị đang hiện và phù hợp' },
  write: { en: 'Review; Again: Write', vi: 'Xem lại; lần nữa: ghi' },
  retryUnproven: { en: 'Try Again What Is Not Proven', vi: 'Thử lại những bo chưa được chứng minh' },
  pauseResume: { en: 'Pause or Resume', vi: 'Tạm dừng hoặc tiếp tục' },
  cancelTicked: { en: 'Cancel the Ticked Jobs…', vi: 'Hủy các việc đã đánh dấu…' },
  stopAll: { en: 'Stop All…', vi: 'Dừng tất cả…' },
  nextNeedingMe: { en: 'Next Board That Needs Me', vi: 'Bo kế tiếp cần tôi' },
  label: { en: 'Label the Board or Socket…', vi: 'Đặt nhãn cho bo hoặc ổ cắm…' },
  bench: { en: 'Bench', vi: 'Bàn nạp' },
  history: { en: 'History', vi: 'Lịch sử' },
  settings: { en: 'Settings', vi: 'Cài đặt' },
  theme: { en: 'Theme', vi: 'Giao diện' },
  themeSystem: { en: 'Like the System', vi: 'Theo hệ thống' },
  themeLight: { en: 'Light', vi: 'Sáng' },
  themeDark: { en: 'Dark', vi: 'Tối' },
  actualSize: { en: 'Actual Size', vi: 'Cỡ thật' },
  zoomIn: { en: 'Zoom In', vi: 'Phóng to' },
  zoomOut: { en: 'Zoom Out', vi: 'Thu nhỏ' },
  fullScreen: { en: 'Full Screen', vi: 'Toàn màn hình' },
  minimise: { en: 'Minimise', vi: 'Thu nhỏ cửa sổ' },
  developerTools: { en: 'Developer Tools', vi: 'Công cụ cho nhà phát triển' },
  shortcuts: { en: 'Shortcuts and Help', vi: 'Phím tắt và trợ giúp' },
  checkPc: { en: 'Check This PC…', vi: 'Kiểm tra máy tính này…' },
  showLogFolder: { en: 'Show the Log Folder', vi: 'Mở thư mục nhật ký' },
  about: { en: 'About Flashproof', vi: 'Giới thiệu Flashproof' },
  aboutText: {
    en: 'Version {version}\nElectron {electron}, Chromium {chromium}, Node {node}\nData folder: {home}',
    vi: 'Phiên bản {version}\nElectron {electron}, Chromium {chromium}, Node {node}\nThư mục dữ liệu: {home}',
  },

  // the question at the end
  closeTitle: { en: 'Boards are being worked on', vi: 'Đang làm việc với các bo mạch' },
  closeMessageOne: { en: '1 board is not finished.', vi: 'Còn 1 bo mạch chưa xong.' },
  closeMessage: { en: '{count} boards are not finished.', vi: 'Còn {count} bo mạch chưa xong.' },
  closeNow: { en: 'On the boards now: {boards}.', vi: 'Trên bo mạch lúc này: {boards}.' },
  keepRunning: { en: 'Keep Running in the Tray', vi: 'Chạy tiếp ở khay hệ thống' },
  pauseAndQuit: { en: 'Pause and Quit', vi: 'Tạm dừng và thoát' },
  cancelSafely: { en: 'Cancel Safely', vi: 'Hủy an toàn' },
  stay: { en: 'Back', vi: 'Quay lại' },
  keepRunningEffect: {
    en: 'Keep running in the tray: the boards are finished without the window. Leave them powered and this computer awake.',
    vi: 'Chạy tiếp ở khay hệ thống: các bo mạch được làm xong khi không có cửa sổ. Giữ nguồn cho bo và đừng để máy tính ngủ.',
  },
  pauseEffect: {
    en: 'Pause and quit: each board stops at the next safe place and can go on from there at the next start. Until then: {boards}.',
    vi: 'Tạm dừng và thoát: mỗi bo dừng ở chỗ an toàn kế tiếp và có thể tiếp tục từ đó ở lần mở sau. Cho đến lúc đó: {boards}.',
  },
  cancelEffect: {
    en: 'Cancel safely: each board is ended at the next safe place, then Flashproof quits. Afterwards: {boards}.',
    vi: 'Hủy an toàn: mỗi bo được kết thúc ở chỗ an toàn kế tiếp, rồi Flashproof thoát. Sau đó: {boards}.',
  },
  completionEffect: {
    en: '{count} already past the last part: wait for the end, stopping cannot take it back.',
    vi: '{count} bo đã qua phần cuối: hãy chờ kết thúc, dừng lại không lấy lại được.',
  },
  boardsLikeThis: { en: '{count} × {board}', vi: '{count} × {board}' },
  restorable: {
    en: 'What the record says after stopping is shown at the next start.',
    vi: 'Trạng thái sau khi dừng được hiện ở lần mở sau.',
  },

  // tray
  trayIdle: { en: 'Flashproof: nothing is running', vi: 'Flashproof: không có việc nào đang chạy' },
  trayRunning: { en: 'Flashproof: {count} running, {percent}', vi: 'Flashproof: {count} đang chạy, {percent}' },
  trayShow: { en: 'Show Flashproof', vi: 'Hiện Flashproof' },

  // notification
  batchEnded: { en: 'Batch ended', vi: 'Lô đã kết thúc' },
  batchEndedPractice: { en: 'PRACTICE: batch ended', vi: 'LUYỆN TẬP: lô đã kết thúc' },
  countProven: { en: 'Proven {count}', vi: 'Đã chứng minh {count}' },
  countUnproven: { en: 'Not proven {count}', vi: 'Chưa chứng minh {count}' },
  countBelow: { en: 'Less than proven {count}', vi: 'Dưới mức chứng minh {count}' },
  countFailed: { en: 'Failed {count}', vi: 'Thất bại {count}' },
  countStopped: { en: 'Stopped {count}', vi: 'Đã dừng {count}' },

  // dialogs
  chooseElf: { en: 'ELF file of what runs on the board', vi: 'Tệp ELF của bản đang chạy trên bo' },
  chooseFirmware: { en: 'Open firmware', vi: 'Mở firmware' },
  firmwareFiles: { en: 'Firmware', vi: 'Firmware' },
  allFiles: { en: 'All files', vi: 'Mọi tệp' },
  saveFile: { en: 'Save', vi: 'Lưu' },
  selfTestFailed: {
    en: 'This installation cannot do all of its work',
    vi: 'Bản cài đặt này không làm được mọi việc',
  },
  startFailed: { en: 'Flashproof cannot start', vi: 'Flashproof không khởi động được' },
} as const satisfies Readonly<Record<string, LocalText>>

export type TextKey = keyof typeof mainTexts
export type Texts = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string

/** Gives a function from a key to its text; `{name}` in a text is filled in with a value of that name. */
export function textsIn(language: Language): Texts {
  return (key, values = {}) =>
    mainTexts[key][language].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
      Object.hasOwn(values, name) ? String(values[name]) : whole,
    )
}

/** What is chosen in the settings; without a choice the system's language where there are texts in it, else English. */
export function chooseLanguage(chosen: 'system' | Language, systemLocale: string): Language {
  if (chosen !== 'system') return chosen
  return /^vi([-_]|$)/i.test(systemLocale) ? 'vi' : 'en'
}
