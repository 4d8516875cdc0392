/** Words of the memory graph. */
import type { TextCatalogue } from './text.ts'

export const memoryTexts = {
  graph: { en: 'Memory over time', vi: 'Bộ nhớ theo thời gian' },
  free: { en: 'Free', vi: 'Còn trống' },
  minimum: { en: 'Minimum', vi: 'Thấp nhất' },
  largest: { en: 'Largest block', vi: 'Khối lớn nhất' },
  flashWritten: { en: 'Flash written', vi: 'Flash đã ghi' },
  flashUsed: { en: 'Flash used', vi: 'Flash đã dùng' },
  time: { en: 'Time', vi: 'Thời điểm' },
  newest: { en: 'now', vi: 'hiện tại' },
  connect: { en: 'connect', vi: 'kết nối' },
  erase: { en: 'erase', vi: 'xóa' },
  verify: { en: 'check', vi: 'kiểm tra' },
  reboot: { en: 'restart', vi: 'khởi động' },
  notTold: { en: 'not told', vi: 'không cho biết' },
  noReadings: { en: 'No readings yet.', vi: 'Chưa có số liệu.' },
  spoken: { en: '{readings} readings over {duration}.', vi: '{readings} lần đọc trong {duration}.' },
  spokenFree: {
    en: 'Free memory is {free} and was between {least} and {greatest}.',
    vi: 'Bộ nhớ trống là {free}, đã dao động từ {least} đến {greatest}.',
  },
  spokenOthers: {
    en: 'Minimum so far {minimum}, largest block {largest}, flash {flash}.',
    vi: 'Thấp nhất đến nay {minimum}, khối lớn nhất {largest}, flash {flash}.',
  },
  spokenGaps: { en: 'Gaps: {gaps}, restarts: {restarts}.', vi: '{gaps} khoảng trống, {restarts} lần khởi động lại.' },
  keys: {
    en: 'Arrow keys pan, plus and minus zoom, 0 shows all.',
    vi: 'Phím mũi tên để di chuyển, cộng và trừ để thu phóng, 0 để hiện tất cả.',
  },
  zoomIn: { en: 'Zoom in', vi: 'Phóng to' },
  zoomOut: { en: 'Zoom out', vi: 'Thu nhỏ' },
  showAll: { en: 'Show all', vi: 'Hiện tất cả' },
  axis: { en: 'Time axis', vi: 'Trục thời gian' },
  wall: { en: 'Time of day', vi: 'Giờ trong ngày' },
  elapsed: { en: 'Elapsed', vi: 'Thời gian trôi qua' },
  silent: { en: 'This device tells no memory figures', vi: 'Thiết bị này không cho biết số liệu bộ nhớ' },
  silentHint: {
    en: 'Devices with a telemetry page tell them during a job, or when they are watched; boards on a serial line when they print them.',
    vi: 'Thiết bị có trang đo từ xa cho biết trong lúc làm việc hoặc khi được theo dõi; bo trên cổng nối tiếp khi nó in ra.',
  },
  watchMemory: { en: 'Watch memory', vi: 'Theo dõi bộ nhớ' },
  stopWatching: { en: 'Stop watching', vi: 'Dừng theo dõi' },
  keepWatching: { en: 'Keep watching', vi: 'Tiếp tục theo dõi' },
  keepWatchingTitle: {
    en: 'Goes on asking this device once a second when its drawer is closed',
    vi: 'Vẫn hỏi thiết bị này mỗi giây một lần khi ngăn của nó đã đóng',
  },
  watching: { en: 'Waiting for the first reading…', vi: 'Đang chờ số liệu đầu tiên…' },
} satisfies TextCatalogue
